"""The folder of a training run: all that the training process and those who watch it share.

config.json          what was asked for
metrics.jsonl        a line per epoch, and a shorter one every few seconds
samples/             epoch_0001.png and so on: pictures of the same seeds
checkpoints/         where the run resumes from
snapshots/           averages of the weights, out of which others can be made
best.weights.h5      with best.json: the weights of the best epoch
status.json          how it stands
stop                 is there while the run is asked to stop
lock                 held by the process that trains
pictures.npz         what it learns from, decoded
"""

import json
import logging
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePath
from typing import Any, Literal, get_args

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from ddim.errors import UserError
from ddim.files import replace_file
from ddim.model.weights import WEIGHTS_DIR
from ddim.runs.metrics import metrics_in

State = Literal["running", "stopped", "finished", "failed"]
RUNNING: State = "running"
STOPPED: State = "stopped"
FINISHED: State = "finished"
FAILED: State = "failed"
STOP = "stop"
SOFT_LOCK = "lock.process"
RUN_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?"
MAX_IN_STATUS = 2**40  # seconds that people can be told as days, and more steps than any run has

logger = logging.getLogger("ddim")


@dataclass(frozen=True)
class Status:
    """How a run stands: one of "running", "stopped" (it can be resumed), "finished" and "failed", and how far it is.

    `message` says in a sentence what a reader should know, such as why it failed or why KID is not measured.
    `pictures` says what it learns from. `process` is the id of the process that trains or trained, `started` the Unix
    time when it began.
    """

    state: State
    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds_per_step: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    best_epoch: int | None = None
    message: str = ""
    pictures: str = ""
    process: int | None = None
    started: float | None = None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write under another name, then rename: no reader ever sees half a file."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    replace_file(unfinished, path)


def write_status(run: Path, status: Status) -> None:
    """Write how the run stands."""
    write_json(run / "status.json", asdict(status))


def read_status(run: Path) -> Status:
    """How the run stands. One that says it is running, but holds no lock, was killed: it counts as stopped."""
    try:
        status = _status_of(json.loads((run / "status.json").read_bytes()))
    except FileNotFoundError:
        return Status(STOPPED, message="This run has no status yet.")
    except (OSError, ValueError, TypeError, RecursionError):
        return Status(STOPPED, message="How this run stands is not known: its status.json is damaged.")
    if status.state == RUNNING and not is_locked(run):
        return replace(status, state=STOPPED, message="The process ended without a word; the run can be resumed.")
    return status


def _status_of(content: dict[str, Any]) -> Status:
    """A status as pages can show it, without what a later version may add. Raises TypeError or ValueError."""
    status = Status(**{field.name: content[field.name] for field in fields(Status) if field.name in content})
    if status.state not in get_args(State):
        raise ValueError("no such state")
    for field in fields(Status)[1:]:
        value, kinds = getattr(status, field.name), (type(field.default), int, float)
        if not isinstance(value, kinds if field.default is None else kinds[:1]):
            raise TypeError(f"{field.name} cannot be a {type(value).__name__}")
        if isinstance(value, int | float) and not abs(value) < MAX_IN_STATUS:
            raise ValueError(f"{field.name} is out of range")
        if isinstance(value, str):
            value.encode()  # half a letter can be written in JSON, but not be sent to a page
    return status


def append_metrics(run: Path, **metrics: float | None) -> None:
    """Write one more line of metrics.jsonl."""
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(metrics) + "\n")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, without a last one that is still being written, or anything that is not metrics."""
    path = run / "metrics.jsonl"
    return metrics_in(path).lines if path.exists() else []


def cut_metrics(run: Path, step: int, epochs_done: int) -> None:
    """Forget what was logged after a checkpoint, so that a resumed run logs every epoch once."""
    kept = [
        line
        for line in read_metrics(run)
        if (line["epoch"] <= epochs_done if "epoch" in line else line["step"] <= step)
    ]
    unfinished = run / "metrics.jsonl.unfinished"
    unfinished.write_text("".join(json.dumps(line) + "\n" for line in kept))
    replace_file(unfinished, run / "metrics.jsonl")


def sample_grids(run: Path) -> list[Path]:
    """The pictures of each epoch so far, the first epoch first."""
    try:
        return sorted((run / "samples").glob("epoch_*.png"))
    except FileNotFoundError:  # the run is being deleted
        return []


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the run; the system releases it if the process dies. Raises UserError if another process holds it.

    Where the file system has no locks, as Lustre, NFS and FUSE may have none, a file says who holds the run. It is in
    the way for ever if that machine dies, so this is warned of.
    """
    try:
        lock = _acquired(run, seconds=1)  # whoever only looks holds it for an instant
    except Timeout as error:
        message = f"Another process is training {run.name}: stop that one first, or choose another name."
        if (run / SOFT_LOCK).exists():
            message += f" If there is none, delete {run / SOFT_LOCK}."
        raise UserError(message) from error
    if isinstance(lock, SoftFileLock):
        logger.warning("The file system of %s has no locks: %s takes their place.", run, SOFT_LOCK)
    try:
        yield
    finally:
        lock.release()


def is_locked(run: Path) -> bool:
    """Whether a process holds the run."""
    if not run.is_dir():
        return False
    try:
        _acquired(run, seconds=0).release()
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written: nobody trains in it
        return False
    return False


def _acquired(run: Path, seconds: float) -> BaseFileLock:
    """The lock of the run, held. Raises Timeout if a process has it for so many seconds, OSError if none can be had."""
    lock: BaseFileLock = FileLock(run / "lock", fallback_to_soft=False)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        raise
    except OSError:
        lock = SoftFileLock(run / SOFT_LOCK)
        lock.acquire(timeout=seconds)
    return lock


def name_of_dataset(dataset: str) -> str:
    """A data set without where it lies, which concerns nobody but this machine."""
    prefix, separator, path = dataset.partition(":")
    return f"folder:{PurePath(path).name}" if separator and prefix == "folder" else dataset


def folder_of(runs_dir: str | Path, name: str) -> Path:
    """The folder of a run by a name as people write it: accents go, and spaces and other signs become dashes.

    Raises UserError for a name that might lead elsewhere, or that some system cannot have.
    """
    slug = name
    if not re.fullmatch(RUN_NAME, slug):
        letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^A-Za-z0-9._/\\-]+", "-", letters).strip("-")
    if not re.fullmatch(RUN_NAME, slug):
        raise UserError(
            f"A run's name has up to 64 letters, digits, dots, dashes and underscores, but is {name!r:.100}."
        )
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", slug, re.IGNORECASE):
        raise UserError(f"No run can be called {slug}: Windows keeps that name for a device.")
    return Path(runs_dir) / slug


def recorded(runs_dir: str | Path) -> list[Path]:
    """The folders of all runs, the newest first, and last the runs behind the shipped weights."""
    written = [(_modified(path), path.parent) for path in Path(runs_dir).glob("*/config.json")]
    runs = sorted((modified, run) for modified, run in written if modified is not None)
    return [run for _, run in reversed(runs)] + sorted(WEIGHTS_DIR.glob("*.run"))


def _modified(path: Path) -> float | None:
    """When a file was written last; None if there is none, or none any more."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime if stat.S_ISREG(status.st_mode) else None
