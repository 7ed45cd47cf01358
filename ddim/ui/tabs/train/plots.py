"""What the charts of the tab Train show: the metrics of any number of runs as lines over epochs."""

from pathlib import Path
from typing import Any

from ddim.runs.folder import read_status
from ddim.runs.kid_protocol import WAYS, kid_protocol
from ddim.runs.metrics import watched_metrics

MAX_POINTS = 1000  # of a line between epochs: about as many as a chart is wide
DIGITS = 6


def charts(folders: list[Path]) -> dict[str, Any]:
    """The value of `charts.lay_out`: the names of the runs, and charts of their losses, KIDs and learning rates.

    A chart has a title, a note, and lines; a line the name of its run, its kind, and points (epoch, number).
    """
    rates = [_line(folder, "", per_epoch(folder, "learning_rate")) for folder in folders]
    return {
        "runs": [folder.name for folder in folders],
        "charts": [
            _chart("Loss", losses(folders), "A thin line is training, a line with dots validation."),
            *kids(folders),
            _chart("Learning rate", rates),
        ],
    }


def losses(folders: list[Path]) -> list[dict[str, Any]]:
    """Lines of training and validation loss, and between epochs the training loss as it comes."""
    lines = []
    for folder in folders:
        steps_per_epoch = _steps_per_epoch(folder)
        metrics = _thinned(watched_metrics(folder).lines)
        training = [(line["step"] / steps_per_epoch, line["loss"]) for line in metrics] if steps_per_epoch else []
        lines += [_line(folder, "training", training), _line(folder, "validation", per_epoch(folder, "val_loss"))]
    return lines


def kids(folders: list[Path]) -> list[dict[str, Any]]:
    """A chart for each protocol by which KID was measured, and each way of sampling: no two share an axis."""
    lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for metric, way in WAYS.items():
        for folder in folders:
            if points := per_epoch(folder, metric, 1000):
                axis = (f"KID x 1000 {way}", kid_protocol(folder))
                lines.setdefault(axis, []).append(_line(folder, "", points))
    return [_chart(title, lines[title, note], note) for title, note in lines]


def per_epoch(folder: Path, metric: str, factor: float = 1) -> list[tuple[float, float]]:
    """The metric of a run after each epoch where it was measured: (epoch, number)."""
    return [
        (line["epoch"], factor * line[metric])
        for line in watched_metrics(folder).lines
        if "epoch" in line and line.get(metric) is not None
    ]


def best_epoch(folder: Path) -> dict[str, Any] | None:
    """The metrics of the epoch whose weights were kept: lowest KID as the page samples, in older runs by the tutorial's
    five steps, or lowest validation loss where KID is not measured.
    """
    epochs = [line for line in watched_metrics(folder).lines if "epoch" in line]
    for name in WAYS:
        measured = [line for line in epochs if line.get(name) is not None]
        if measured:
            return min(measured, key=lambda line: line[name])
    return min(epochs, key=lambda line: line["val_loss"], default=None)


def _chart(title: str, lines: list[dict[str, Any]], note: str = "") -> dict[str, Any]:
    return {"title": title, "note": note, "lines": lines}


def _line(folder: Path, kind: str, points: list[tuple[float, float]]) -> dict[str, Any]:
    rounded = [[float(f"{number:.{DIGITS}g}") for number in point] for point in points]
    return {"run": folder.name, "kind": kind, "points": rounded}


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
