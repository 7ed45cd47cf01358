"""A training run: its folder, which is all that the training process and those who watch it share, and its process.

config.json          what was asked for
metrics.jsonl        a line an epoch, and a shorter one every few seconds
samples/             epoch_0001.png and so on: pictures of the same seeds
checkpoints/         where the run goes on from
best.weights.h5      with best.json: the weights of the best epoch
status.json          how it stands
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ddim.checkpoints import WEIGHTS_DIR

RUNNING, STOPPED, FINISHED, FAILED = "running", "stopped", "finished", "failed"


@dataclass(frozen=True)
class Status:
    """How a run stands: one of "running", "stopped" (it can be resumed), "finished" and "failed", and how far it is.

    `message` says in a sentence what a reader should know, such as why it failed or why KID is not measured.
    `process` is the id of the process that trains or trained, `started` the Unix time when it began.
    """

    state: Literal["running", "stopped", "finished", "failed"]
    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds_per_step: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    best_epoch: int | None = None
    message: str = ""
    process: int | None = None
    started: float | None = None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write whole beside, then rename: no reader ever sees a half."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    unfinished.replace(path)


def write_status(run: Path, status: Status) -> None:
    write_json(run / "status.json", asdict(status))


def read_status(run: Path) -> Status:
    """How the run stands. One that says it is running, but holds no lock, was killed: it counts as stopped."""
    try:
        status = Status(**json.loads((run / "status.json").read_text()))
    except (OSError, ValueError, TypeError):
        return Status(STOPPED, message="This run has no status yet.")
    if status.state == RUNNING and not is_locked(run):
        return replace(status, state=STOPPED, message="The process ended without a word; the run can be resumed.")
    return status


def append_metrics(run: Path, **metrics: float | None) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(metrics) + "\n")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, without a last one that is still being written, and whatever is no metrics."""
    try:
        lines = (run / "metrics.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    metrics = []
    for line in lines:
        try:
            metrics.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in metrics if isinstance(line, dict)]


def cut_metrics(run: Path, step: int, epochs_done: int) -> None:
    """Forget what was logged after a checkpoint, so that a resumed run logs every epoch once."""
    kept = [
        line
        for line in read_metrics(run)
        if (line["epoch"] <= epochs_done if "epoch" in line else line["step"] <= step)
    ]
    unfinished = run / "metrics.jsonl.unfinished"
    unfinished.write_text("".join(json.dumps(line) + "\n" for line in kept))
    unfinished.replace(run / "metrics.jsonl")


def sample_grids(run: Path) -> list[Path]:
    """The pictures of each epoch so far, the first epoch first."""
    return sorted((run / "samples").glob("epoch_*.png"))


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the run for this process; the system lets go of it however the process ends.

    Raises ValueError if another process holds it.
    """
    with (run / "lock").open("a") as file:
        tries = (_try_lock(file) or time.sleep(0.1) for _ in range(10))  # who only looks holds it for an instant
        if not any(tries):
            raise ValueError(f"Another process is training {run.name}: stop that one first, or choose another name.")
        yield


def is_locked(run: Path) -> bool:
    try:
        with (run / "lock").open("a") as file:
            return not _try_lock(file)
    except OSError:  # a folder that cannot be written: nobody trains in it
        return False


def _try_lock(file) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def folder_of(runs_dir: str | Path, name: str) -> Path:
    """The folder of a run. Raises ValueError for a name that might lead elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name or ""):
        raise ValueError(f"A run's name has up to 64 letters, digits, dots, dashes and underscores, but is {name!r}.")
    return Path(runs_dir) / name


def recorded(runs_dir: str | Path) -> list[Path]:
    """The folders of all runs, the newest first, and last the runs behind the shipped weights."""
    configs = sorted(Path(runs_dir).glob("*/config.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in configs] + sorted(WEIGHTS_DIR.glob("*.run"))


def training_refusal() -> str | None:
    """Why this place shows runs but starts none, or None where training is allowed."""
    switch = os.environ.get("DDIM_TRAINING")
    if switch == "off":
        return "Training is switched off here (DDIM_TRAINING=off): recorded runs are shown, but none can be started."
    if "SPACE_ID" in os.environ and switch != "on":
        return "A Space shows recorded runs, but starts none: train on a machine of your own or on Colab."
    return None


def start(run: Path, arguments: list[str]) -> None:
    """Start `python -m ddim train` with these arguments in the folder `run`, and return once it holds the run.

    The process outlives this one and hears no Ctrl-C meant for it. Raises ValueError if training is refused here, or
    with the last words of a process that could not begin.
    """
    if refusal := training_refusal():
        raise ValueError(refusal)
    if is_locked(run):
        raise ValueError(f"{run.name} is running already.")
    run.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ddim", "train", f"--runs-dir={run.parent.resolve()}", f"--run={run.name}"]
    with (run / "train.log").open("a") as log:
        process = subprocess.Popen(
            [*_NICE, *command, *arguments],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that no zombie is left of it
    while not is_locked(run):
        if process.poll() is not None:
            raise ValueError((run / "train.log").read_text().strip().rpartition("\n")[2].removeprefix("ddim: "))
        time.sleep(0.1)


def stop(run: Path) -> None:
    """Ask the run's process to finish its batch, save and end."""
    status = read_status(run)
    if status.state == RUNNING and status.process:
        os.kill(status.process, signal.SIGTERM)


def delete(run: Path) -> None:
    """Remove the run with all that it learned. Raises ValueError while it is running."""
    if is_locked(run):
        raise ValueError(f"{run.name} is running: stop it before it is deleted.")
    shutil.rmtree(run)


_NICE = ["nice", "-n", "5"] if shutil.which("nice") else []  # pages answer first
