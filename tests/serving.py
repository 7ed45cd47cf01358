"""The app with a tiny model, served for a test."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import pytest

import app
from ddim.model.engine import Engine
from ddim.model.weights import save
from ddim.ui import gradio_cache
from ddim.ui.serving import launch
from ddim.ui.settings import Settings
from ddim.ui.sweeping import SECONDS_KEPT, sweep
from ddim.ui.tabs.train import Rules


def free_port() -> int:
    """A port that nobody listens at: Gradio's own search for one lets two processes find the same."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(model, folder, species_model=None, dataset="", host="127.0.0.1") -> Iterator[tuple[str, str, object]]:
    """Serve the page in this process with `model` as a run: its address, the name of its weights, and its Blocks.

    `species_model`, which has classes, is the run "species" beside it, and the folder of `dataset` can be chosen.
    """
    folders = [Path(dataset.removeprefix("folder:"))] if dataset else []
    runs_dir = folder / "runs"
    save(model, runs_dir / "tiny" / "best")
    if species_model:
        save(species_model, runs_dir / "species" / "best", guidance=2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "pictures"))
        demo = app.build(str(runs_dir), Rules(max_runs=8, dataset_dirs=folders))
        launch(demo, server_name=host, server_port=free_port(), quiet=True)
        try:
            yield demo.local_url, (runs_dir / "tiny").as_posix(), demo
        finally:
            demo.close(verbose=False)


def swept(demo) -> None:
    """Sweep the files of the page as they are swept in more than an hour."""
    folder = Path(demo.GRADIO_CACHE)
    for _ in sweep(folder, gradio_cache.laid_out_files(demo), time.time() + SECONDS_KEPT + 60):
        pass  # the folder of a test has no lock to touch


def settings_of(runs_dir) -> dict[str, Settings]:
    """The settings of each tab by the tab's name, without a page around them."""
    with gr.Blocks():
        return {name: tab.build(str(runs_dir)).settings for name, tab in app.TABS.items()}


class SlowEngine:
    """Counts what is asked of any engine, and takes its time, so that a test can act between two steps."""

    def __init__(self, patch: pytest.MonkeyPatch, seconds: float = 0.05):
        self.seconds = seconds
        self.calls_by_batch: dict[int, int] = {}
        self._changed = threading.Condition()
        run = Engine.__call__

        def count_and_run(engine, noisy_images, *others):
            with self._changed:
                num_images = len(noisy_images)
                self.calls_by_batch[num_images] = self.calls_by_batch.get(num_images, 0) + 1
                self._changed.notify_all()
            time.sleep(seconds)
            return run(engine, noisy_images, *others)

        patch.setattr(Engine, "__call__", count_and_run)

    def calls(self, num_images: int) -> int:
        """How often a batch of this size was asked for; visitors are told apart by how many pictures they want."""
        return self.calls_by_batch.get(num_images, 0)

    def wait_for(self, num_images: int, calls: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.calls(num_images) >= calls, timeout=60)

    def has_stopped(self, num_images: int) -> bool:
        """Whether no further call comes in the time of ten."""
        before = self.calls(num_images)
        time.sleep(12 * self.seconds)
        return self.calls(num_images) == before

    def wait_for_stop(self, num_images: int) -> None:
        """Wait until no further call comes in the time of ten."""
        while not self.has_stopped(num_images):
            pass
