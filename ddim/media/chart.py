"""One kind of chart: lines over a logarithmic axis of network evaluations, as a picture."""

import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SIZE = (960, 600)
PIXELS_PER_INCH = 100
PLACE = (80 / 960, 110 / 600, 660 / 960, 434 / 600)  # left, bottom, width and height, as parts of the picture
# Okabe and Ito's colours, which colour-blind readers can tell apart; further lines use them again, dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
NOTE_WIDTH = 130  # characters
MAX_OVER_MEDIAN = 5
ROOM = 1.08  # from one labelled number of the axis to the next, as a ratio


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float, float]]], title: str, x_label: str, y_label: str, note: str = ""
) -> np.ndarray:
    """Lines by name, each of points (x above 0, y, spread of y), over a small `note`, as a picture (H, W, 3) uint8.

    What is far above everything else, more than 5 times the median, leaves the picture at the top.
    """
    figure = Figure((SIZE[0] / PIXELS_PER_INCH, SIZE[1] / PIXELS_PER_INCH), PIXELS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes(PLACE)
    for index, (name, line) in enumerate(lines.items()):
        style = "--" if index >= len(COLOURS) else "-"
        xs, ys, spreads = zip(*line, strict=True)
        axes.errorbar(xs, ys, spreads, color=COLOURS[index % len(COLOURS)], ls=style, lw=2.2, marker="o", label=name)

    points = [point for line in lines.values() for point in line]
    numbers = sorted({x for x, _, _ in points})
    axes.set_xscale("log")
    axes.set_xticks(numbers, _labels(numbers))
    axes.minorticks_off()
    axes.set_ylim(*_extent(points))
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", pad=16)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, handlelength=3)
    figure.text(PLACE[0], 0.02, textwrap.fill(note, NOTE_WIDTH), fontsize="x-small", va="bottom")
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def _extent(points: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
    """The range of the vertical axis: 0 is in sight, and the median is not at the bottom."""
    _, ys, spreads = zip(*points, strict=True)
    lowest, highest = min(0.0, *ys), max(y + spread for y, spread in zip(ys, spreads, strict=True))
    median = statistics.median(ys)
    highest = min(highest, MAX_OVER_MEDIAN * median) if median > 0 else highest
    extent = (highest - lowest) or 1.0
    return lowest - 0.02 * extent, lowest + extent


def _labels(numbers: Sequence[float]) -> list[str]:
    """The numbers as text, with nothing for those too close to the one before."""
    labels, last = [], 0.0
    for number in numbers:
        is_free = number >= ROOM * last
        labels.append(f"{number:g}" if is_free else "")
        last = number if is_free else last
    return labels
