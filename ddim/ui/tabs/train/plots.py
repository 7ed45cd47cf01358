"""What the plots of the tab Train show: metrics of one run or two as tables."""

from pathlib import Path
from typing import Any

import pandas as pd

from ddim.runs.folder import read_metrics, read_status


def losses(folders: list[Path]) -> pd.DataFrame:
    """Columns epoch, loss, line: training and validation loss, and between epochs the training loss as it comes."""
    rows = []
    for folder in folders:
        steps_per_epoch = _steps_per_epoch(folder)
        for line in read_metrics(folder):
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
        for line in read_metrics(folder)
        if line.get("epoch") and line.get(metric) is not None
    ]
    return pd.DataFrame(rows, columns=["epoch", metric, "line"])


def best_epoch(folder: Path) -> dict[str, Any] | None:
    """The metrics of the epoch whose weights were kept: lowest KID as the page samples, in older runs by the tutorial's
    five steps, or lowest validation loss where KID is not measured.
    """
    epochs = [line for line in read_metrics(folder) if "epoch" in line]
    for name in ("page_kid", "kid"):
        measured = [line for line in epochs if line.get(name) is not None]
        if measured:
            return min(measured, key=lambda line: line[name])
    return min(epochs, key=lambda line: line["val_loss"], default=None)


def _steps_per_epoch(folder: Path) -> float | None:
    done = [line for line in read_metrics(folder) if "epoch" in line]
    if done:
        return done[-1]["step"] / done[-1]["epoch"]
    status = read_status(folder)
    return status.total_steps / status.epochs if status.epochs else None
