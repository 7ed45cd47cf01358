"""Pictures in rows and columns with labels beside them, on a background that suits light and dark pages alike."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GROUND = (28, 27, 31)
INK = (236, 234, 240)
FAINT_INK = (168, 164, 178)
FONT_SIZE = 15
GAP = 6
MARGIN = 14

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def labelled_grid(
    images: np.ndarray, row_labels: Sequence[str], column_labels: Sequence[str], room_for: Sequence[str] = ()
) -> np.ndarray:
    """Pictures (R, C, H, W, 3) uint8 with a label for each row, to its left, and for each column, above -> (H', W', 3).

    The first of several lines in a label stands out. Labels never cover pictures or each other. Rows have room for
    the labels `room_for` too, so that all frames of an animation can have one size.
    """
    num_rows, num_columns, height, width, _ = images.shape
    font = ImageFont.load_default(FONT_SIZE)
    rows = [_size(label, font) for label in [*row_labels, *room_for]]
    columns = [_size(label, font) for label in column_labels]
    left = MARGIN + max(size[0] for size in rows) + MARGIN
    top = MARGIN + max(size[1] for size in columns) + GAP
    across = max(width, *(size[0] for size in columns)) + GAP
    down = max(height, *(size[1] for size in rows)) + GAP
    sheet = Image.new("RGB", (left + num_columns * across - GAP + MARGIN, top + num_rows * down - GAP + MARGIN), GROUND)
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(column_labels):
        _write(draw, (left + column * across, MARGIN), label, font)
    for row, label in enumerate(row_labels):
        _write(draw, (MARGIN, top + row * down), label, font)
        for column in range(num_columns):
            sheet.paste(Image.fromarray(images[row, column]), (left + column * across, top + row * down))
    return np.asarray(sheet)


def _size(label: str, font: Font) -> tuple[int, int]:
    """Width and height of a label in pixels."""
    lines = label.split("\n")
    return int(np.ceil(max(font.getlength(line) for line in lines))), len(lines) * _line_height()


def _line_height() -> int:
    return round(1.35 * FONT_SIZE)


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], label: str, font: Font) -> None:
    for index, line in enumerate(label.split("\n")):
        draw.text((place[0], place[1] + index * _line_height()), line, FAINT_INK if index else INK, font)
