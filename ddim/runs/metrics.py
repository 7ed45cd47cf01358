"""The lines of metrics.jsonl, whatever has happened to the file: what is no metrics is left out."""

import json
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ddim.notation import counted

MAX_METRIC = 2**53

_reading = threading.Lock()


class Metrics(NamedTuple):
    """The lines of a run in their order, and a sentence about what is left out, empty if nothing is."""

    lines: list[dict[str, Any]]
    damage: str = ""


def metrics_in(path: Path) -> Metrics:
    """What a file of metrics holds. A last line that is still being written is no damage. Raises OSError."""
    *texts, unfinished = path.read_bytes().split(b"\n")
    lines = [_parsed(text) for text in texts if text.strip()]
    usable = [line for line in [*lines, _parsed(unfinished)] if line is not None]
    if None not in lines:
        return Metrics(usable)
    left_out = counted(lines.count(None), "line")
    return Metrics(usable, f"{path.name} is shown without {left_out}, damaged or of numbers that no plot can show.")


def watched_metrics(run: Path) -> Metrics:
    """The metrics of a run, which many may look at and often: they are read again only when they have changed.

    To those who only look, what cannot be read is damage like any other.
    """
    path = run / "metrics.jsonl"
    try:
        written = path.stat()
        with _reading:
            return _read_once(path, written.st_mtime_ns, written.st_size)
    except FileNotFoundError:
        return Metrics([])
    except OSError as error:
        return Metrics([], f"{path.name} cannot be read: {error.strerror}.")


@lru_cache(maxsize=64)
def _read_once(path: Path, modified: int, size: int) -> Metrics:
    return metrics_in(path)


def are_metrics(line: Any) -> bool:
    """Whether a line has all that plots read, as numbers that they can show; others may be null."""
    if not isinstance(line, dict):
        return False
    needed = {"step", "loss", "epoch", "val_loss"} if "epoch" in line else {"step", "loss"}
    numbers = {name: value for name, value in line.items() if value is not None or name in needed}
    return (
        needed <= numbers.keys()
        and all(type(value) in (int, float) and abs(value) < MAX_METRIC for value in numbers.values())
        and type(line["step"]) is int
        and ("epoch" not in line or (type(line["epoch"]) is int and line["epoch"] > 0))
    )


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):  # the latter for endless nesting
        return None
    return line if are_metrics(line) else None
