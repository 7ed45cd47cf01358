"""What the tab Train shows of a run: how it stands, its charts, and the grid of any epoch."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from ddim.errors import UserError
from ddim.media.animation import ExportConfig
from ddim.runs.film import frames_of_run, read_grid
from ddim.runs.folder import STOP, read_status, recorded, sample_grids
from ddim.runs.metrics import watched_metrics
from ddim.ui import player
from ddim.ui.edge import without_paths
from ddim.ui.handlers import HIDDEN, PRIVATE, REFUSING
from ddim.ui.tabs.train import charts, plots, standing

SECONDS_BETWEEN_LOOKS = 2
# Polls never fail: what a visitor's choices are is checked against the folders there are, not by Gradio against those
# that it knew when the page was opened.
UNCHECKED: dict[str, Any] = {**PRIVATE, "preprocess": False}
# A run's name is checked against the folders there are, not against the choices that the page had when it opened.
OF_RUN: dict[str, Any] = HIDDEN | {"preprocess": False}
PLAYING = ExportConfig(frames_per_second=4, factor=2, hold_first=0.5, hold_last=2.0)
NO_RUN = "No run yet: start one, and it appears here."


class View(NamedTuple):
    """The parts of the window on a run; the first two choose what it shows.

    Of the states, `seen` and `known` hold what it has shown, and `chosen` the epoch that a visitor has gone back to.
    """

    run: gr.Dropdown
    overlay: gr.Dropdown
    status: gr.HTML
    samples: gr.Image
    epoch: gr.Slider
    play: gr.Button
    film: gr.HTML
    charts: gr.HTML
    timer: gr.Timer
    seen: gr.State
    known: gr.State
    chosen: gr.State


class Look(NamedTuple):
    """What one look at the folders shows: its components, or what they are to hold."""

    status: Any
    charts: Any
    epoch: Any
    samples: Any
    seen: Any
    chosen: Any
    stop: Any
    resume: Any
    use: Any
    pack: Any
    delete: Any


def lay_out(runs_dir: str) -> View:
    """Lay out the window on the newest run."""
    found = choices(runs_dir)
    with gr.Row():
        run = gr.Dropdown(found, value=found[0][1] if found else None, label="Run")
        overlay = gr.Dropdown(found, value=[], multiselect=True, label="Overlay")
    status = gr.HTML(NO_RUN, elem_classes="status", padding=False)
    samples = gr.Image(
        label="The same seeds after this epoch",
        show_label=False,
        alt_text="A grid of pictures that the run's weights make after the epoch chosen below",
        format="png",
        buttons=["download", "fullscreen"],
        interactive=False,
        elem_classes="samples",
    )
    epoch = gr.Slider(1, 2, value=1, step=1, label="Epoch", interactive=True, buttons=[])
    play = gr.Button("Play all epochs as a film")
    film = player.lay_out()
    plotted = charts.lay_out()
    timer, seen, known, chosen = gr.Timer(SECONDS_BETWEEN_LOOKS), gr.State(), gr.State(), gr.State()
    return View(run, overlay, status, samples, epoch, play, film, plotted, timer, seen, known, chosen)


def wire(demo: gr.Blocks, view: View, runs_dir: str, buttons: Mapping[str, gr.Button]) -> None:
    """Look at the run's folder every two seconds, and send only what has changed since.

    `buttons` are those of `standing.possible`: each can be pressed while the run lets it.
    """
    nothing_new = Look(*[gr.skip()] * len(Look._fields))

    def look(run: Any, overlay: Any, seen: tuple | None, chosen: int | None) -> Look:
        folders = _found(runs_dir, run, overlay)
        if not folders:
            # A page that has seen no run says so already, and a late answer must not hide one found meanwhile.
            return nothing_new._replace(seen=None, **({"status": NO_RUN} if seen else {}))
        now = tuple(_fingerprint(one) for one in folders)
        if now == seen:
            return nothing_new
        grids = sample_grids(folders[0])
        if seen is None or seen[0][0] != run:
            chosen = None
        epoch = chosen or len(grids)
        status, samples = status_and_grid(folders, grids, epoch)
        return Look(
            status,
            plots.charts(folders),
            gr.Slider(maximum=max(2, len(grids)), value=max(1, epoch), interactive=len(grids) > 1),
            samples,
            now,
            chosen,
            **{name: gr.Button(interactive=can) for name, can in standing.possible(folders[0], runs_dir).items()},
        )

    def show_epoch(run: Any, overlay: Any, epoch: Any) -> tuple[Any, Any, int | None]:
        folders = _found(runs_dir, run, overlay)
        if not folders or not isinstance(epoch, int):
            return gr.skip(), gr.skip(), None
        grids = sample_grids(folders[0])
        # At the last one, follow the run.
        return *status_and_grid(folders, grids, epoch), epoch if epoch < len(grids) else None

    def find_runs(run: Any, overlay: Any, known: list | None) -> list[Any]:
        found = choices(runs_dir)
        values = [value for _, value in found]
        if found == known and (run in values or not values):
            return [gr.skip()] * 3
        # A page that has just been opened shows the newest run.
        chosen = run if run in values and known is not None else next(iter(values), None)
        others = [value for value in values if isinstance(overlay, list) and value in overlay]
        return [gr.update(choices=found, value=chosen), gr.update(choices=found, value=others), found]

    def play(run: Any) -> dict[str, Any]:
        frames = frames_of_run(folder(runs_dir, run))
        fitting = player.max_frames(*frames.shape[1:3])
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), fitting)).round().astype(int))
        told = f"The pictures of the run {run}, epoch after epoch"
        return player.film(frames[chosen], PLAYING, unit="epoch", alt_text=told)

    # Not the slider: a late answer may leave it where it can no longer be.
    inputs = [view.run, view.overlay, view.seen, view.chosen]
    outputs = list(Look(view.status, view.charts, view.epoch, view.samples, view.seen, view.chosen, **buttons))
    for event in (view.timer.tick, view.run.change, view.overlay.change, demo.load):
        event(look, inputs, outputs, **UNCHECKED)
    for event in (view.timer.tick, demo.load):
        event(find_runs, [view.run, view.overlay, view.known], [view.run, view.overlay, view.known], **UNCHECKED)
    shown = [view.status, view.samples, view.chosen]
    view.play.click(play, view.run, view.film, preprocess=False, **REFUSING)
    # Another run's film is not this one's.
    view.run.change(lambda: None, None, view.film, **PRIVATE)
    view.epoch.release(show_epoch, [view.run, view.overlay, view.epoch], shown, **UNCHECKED)
    gr.api(_training_status(runs_dir), api_name="training_status", queue=False)


def choices(runs_dir: str) -> list[tuple[str, str]]:
    """Label and value of every run that can be looked at."""
    return [(path.name, path.name) for path in recorded(runs_dir)]


def run_selector(runs_dir: str, run: Path | None = None) -> gr.Dropdown:
    """The list of runs as it now is, with this one chosen, or the newest where there is no such run any more."""
    found = choices(runs_dir)
    names = [name for _, name in found]
    return gr.Dropdown(found, value=run.name if run and run.name in names else next(iter(names), None))


def folder(runs_dir: str, run: str | None) -> Path:
    """The folder of a run that can be looked at. Raises UserError for any other, and where none is chosen."""
    if not run:
        raise UserError("Choose a run first.")
    found = {path.name: path for path in reversed(recorded(runs_dir))}
    if not isinstance(run, str) or run not in found:
        raise UserError(f"There is no run {run!r:.100}.")
    return found[run]


def _found(runs_dir: str, run: Any, overlay: Any) -> list[Path]:
    """The folders of the run that is looked at and of those over it, without any that has gone or never was."""
    found = {path.name: path for path in reversed(recorded(runs_dir))}
    if not isinstance(run, str) or run not in found:
        return []
    names = dict.fromkeys([run, *(overlay if isinstance(overlay, list) else [])])
    return [found[name] for name in names if name in found]


def status_and_grid(folders: list[Path], grids: list[Path], epoch: int) -> tuple[str, Image.Image | None]:
    """How the first run stands, with what is damaged in all, and its pictures of an epoch, 1 being the first.

    The picture is read, since the page may not fetch files from anywhere.
    """
    notes = [f"{other.name}: {damage}" for other in folders[1:] if (damage := watched_metrics(other).damage)]
    if not grids:
        return standing.describe(folders[0], *notes), None
    path = grids[min(max(epoch, 1), len(grids)) - 1]
    grid = read_grid(path)
    if grid is None:
        notes.append(f"{path.name} is damaged or gone: its pictures are left out.")
    return standing.describe(folders[0], *notes), grid


def _training_status(runs_dir: str) -> Callable[[str], dict[str, Any]]:
    def training_status(run: str) -> dict[str, Any]:
        """How a run stands, and its metrics so far."""
        path = folder(runs_dir, run)
        status = read_status(path)
        told = {name: without_paths(getattr(status, name)) for name in ("message", "pictures")}
        return {"status": asdict(status) | told, "metrics": watched_metrics(path).lines}

    return training_status


def _fingerprint(run: Path) -> tuple:
    """What changes when there is something new to see: the run and its state, which a killed process leaves as it was,
    when its files were written, and its grids.
    """
    written = [_written(run / name) for name in ("status.json", "metrics.jsonl", STOP)]
    return run.name, read_status(run).state, *written, len(sample_grids(run))


def _written(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
