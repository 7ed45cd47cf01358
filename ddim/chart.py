"""One kind of chart: lines over a logarithmic axis of network evaluations, as a picture."""

import math
import statistics
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 600)
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 80, 220, 60, 110
INK, FAINT, PAPER = "#333333", "#dddddd", "#ffffff"
# Okabe and Ito's colours, which colour-blind readers tell apart; further lines have them again, and are dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
DASH, GAP = 9, 6
NOTE_WIDTH = 140  # characters
MAX_OVER_MEDIAN = 5


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float, float]]], title: str, x_label: str, y_label: str, note: str = ""
) -> np.ndarray:
    """Lines by name, each of points (x above 0, y, spread of y), over a small `note`, as a picture (H, W, 3) uint8.

    What is far above all else, more than 5 times the median, leaves the picture at the top.
    """
    points = [point for line in lines.values() for point in line]
    lowest, highest = math.log(min(x for x, _, _ in points)), math.log(max(x for x, _, _ in points))
    bottom, top = min(0.0, *(y for _, y, _ in points)), max(y + spread for _, y, spread in points)
    median = statistics.median(y for _, y, _ in points)
    if median > 0:
        top = min(top, MAX_OVER_MEDIAN * median)
    step = _round_step(top - bottom)
    top = step * math.ceil(top / step) if top > bottom else bottom + step

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - lowest) / ((highest - lowest) or 1)
        up = (y - bottom) / (top - bottom)
        return (
            MARGIN_LEFT + across * (SIZE[0] - MARGIN_LEFT - MARGIN_RIGHT),
            SIZE[1] - MARGIN_BOTTOM - up * (SIZE[1] - MARGIN_TOP - MARGIN_BOTTOM),
        )

    picture = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(picture)
    font, small, tiny = (ImageFont.load_default(size) for size in (18, 15, 12))

    # Axes.
    draw.text(
        ((MARGIN_LEFT + SIZE[0] - MARGIN_RIGHT) / 2, SIZE[1] - MARGIN_BOTTOM + 42), x_label, INK, small, anchor="mm"
    )
    draw.multiline_text((MARGIN_LEFT, SIZE[1] - 50), textwrap.fill(note, NOTE_WIDTH), INK, tiny)
    for y in np.arange(math.ceil(bottom / step), math.floor(top / step) + 1) * step:
        draw.line([place(math.exp(lowest), y), place(math.exp(highest), y)], FAINT)
        draw.text((MARGIN_LEFT - 10, place(1, y)[1]), f"{y:g}", INK, small, anchor="rm")
    free_from = 0.0
    for x in sorted({x for x, _, _ in points}):
        left, below = place(x, bottom)
        draw.line([(left, below), (left, below + 5)], INK)
        if left >= free_from:
            draw.text((left, below + 18), f"{x:g}", INK, small, anchor="mm")
            free_from = left + 24

    # Lines and their spreads.
    styles = [(COLOURS[index % len(COLOURS)], index >= len(COLOURS)) for index in range(len(lines))]
    for line, (colour, is_dashed) in zip(lines.values(), styles, strict=True):
        _draw_line(draw, [place(x, y) for x, y, _ in line], colour, is_dashed)
        for x, y, spread in line:
            left, middle = place(x, y)
            draw.line([place(x, y - spread), place(x, y + spread)], colour)
            draw.ellipse((left - 4, middle - 4, left + 4, middle + 4), colour)

    # What all is called, over the lines that leave at the top.
    draw.rectangle((0, 0, SIZE[0], MARGIN_TOP - 6), PAPER)
    draw.text((MARGIN_LEFT, 20), title, INK, font)
    draw.text((12, MARGIN_TOP - 8), y_label, INK, small, anchor="ls")
    for index, (name, style) in enumerate(zip(lines, styles, strict=True)):
        key = MARGIN_TOP + 26 * index
        ends = [(SIZE[0] - MARGIN_RIGHT + 20, key), (SIZE[0] - MARGIN_RIGHT + 44, key)]
        _draw_line(draw, ends, *style)
        draw.text((SIZE[0] - MARGIN_RIGHT + 52, key), name, INK, small, anchor="lm")
    return np.asarray(picture)


def _draw_line(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: str, is_dashed: bool) -> None:
    if not is_dashed:
        draw.line(points, colour, width=3, joint="curve")
        return
    for start, end in zip(points, points[1:], strict=False):
        length = math.dist(start, end)
        for left in np.arange(0, length, DASH + GAP):
            parts = np.array([[left], [min(left + DASH, length)]]) / length
            ends = np.array(start) + parts * np.subtract(end, start)
            draw.line([tuple(end) for end in ends], colour, width=3)


def _round_step(extent: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts the extent into 4 to 10 parts."""
    rough = (extent or 1) / 8
    power = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
