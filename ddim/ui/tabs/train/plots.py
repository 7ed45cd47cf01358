"""What the plots of the tab Train show: metrics of one run or two as tables."""

from pathlib import Path
from typing import Any

import pandas as pd

from ddim.runs.folder import read_status
from ddim.runs.metrics import watched_metrics

MAX_POINTS = 1000  # of a line between epochs: about as many as a plot is wide


def losses(folders: list[Path]) -> pd.DataFrame:
    """Columns epoch, loss, line: training and validation loss, and between epochs the training loss as it comes."""
    rows = []
    for folder in folders:
        steps_per_epoch = _steps_per_epoch(folder)
        for line in _thinned(watched_metrics(folder).lines):
            if "epoch" in line:
                rows.append((line["epoch"], line["val_loss"], f"{folder.name}, validation"))
            if steps_per_epoch:
                rows.append((line["step"] / steps_per_epoch, line["loss"], f"{folder.name}, training"))
    return pd.DataFrame(rows, columns=["epoch", "loss", "line"])


def per_epoch(folders: list[Path], metric: str, factor: float = 1) -> pd.DataFrame:
    """Columns epoch, the metric, line: one number per epoch, where it was measured."""
    rows = [
        (line["epoch"], factor * line[metric], folder.name)
        for folder in folders
        for line in watched_metrics(folder).lines
        if line.get("epoch") and line.get(metric) is not None
    ]
    return pd.DataFrame(rows, columns=["epoch", metric, "line"])


def best_epoch(folder: Path) -> dict[str, Any] | None:
    """The metrics of the epoch whose weights were kept: lowest KID as the page samples, in older runs by the tutorial's
    five steps, or lowest validation loss where KID is not measured.
    """
    epochs = [line for line in watched_metrics(folder).lines if "epoch" in line]
    for name in ("page_kid", "kid"):
        measured = [line for line in epochs if line.get(name) is not None]
        if measured:
            return min(measured, key=lambda line: line[name])
    return min(epochs, key=lambda line: line["val_loss"], default=None)


def _thinned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every epoch, and of the lines between them at most MAX_POINTS: evenly chosen ones, with the last."""
    between = [index for index, line in enumerate(lines) if "epoch" not in line]
    left_out = set(between) - set(between[:: -max(1, -(-len(between) // MAX_POINTS))])
    return [line for index, line in enumerate(lines) if index not in left_out]


def _steps_per_epoch(folder: Path) -> float | None:
    done = [line for line in watched_metrics(folder).lines if "epoch" in line]
    if done:
        return done[-1]["step"] / done[-1]["epoch"]
    status = read_status(folder)
    return status.total_steps / status.epochs if status.epochs else None
