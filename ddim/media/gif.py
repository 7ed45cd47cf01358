"""Animated GIF in 256 colours, made to look as if it had more.

One palette serves all frames, so that a colour that stays the same looks the same. The dither is an ordered one, fixed
in space: noise of its own in every frame, or errors carried from pixel to pixel, would crawl.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = 256
HISTOGRAM_BITS = 5
ROUNDS = 10
EDGE = 24
DITHER = 8
TABLE_BITS = 6
MAX_BLOCKS = 1200  # of up to 255 bytes


def save_gif(
    path: str | Path,
    frames: Iterable[np.ndarray],
    palette: np.ndarray,
    durations: list[int],
    repeat: bool,
    comment: str,
) -> None:
    """Write frames (H, W, 3) uint8 in the colours of `palette` (256, 3) uint8, each for its milliseconds.

    GIF counts hundredths of seconds. Frames that are the same become one that stays as long as all of them.
    """
    pictures = _paletted(frames, palette)
    first = next(pictures)
    options = {"loop": 0} if repeat else {}
    first.save(
        path,
        format="GIF",
        save_all=True,
        append_images=pictures,
        duration=durations,
        comment=comment.encode(),
        palette=palette.tobytes(),  # one for all, or else each frame would bring its own
        **options,
    )


def read_comment(path: str | Path) -> bytes:
    """The comment before the first frame. Raises ValueError where there is none, and IndexError if the file ends.

    Pillow takes minutes for comments of megabytes, which a hostile file may have.
    """
    with Path(path).open("rb") as file:
        header = file.read(13)
        if header[:4] != b"GIF8":
            raise ValueError("A GIF begins with GIF8.")
        if header[10] & 128:
            file.seek(6 << (header[10] & 7), 1)  # the palette
        for _ in range(MAX_BLOCKS):
            kind = file.read(2)
            if kind[:1] != b"!":
                break
            content = []
            while size := file.read(1)[0]:
                content.append(file.read(size))
                if len(content) > MAX_BLOCKS:
                    raise ValueError("No comment is as long as that.")
            if kind == b"!\xfe":
                return b"".join(content)
    raise ValueError("There is no comment before the first frame.")


def palette_of(frames: np.ndarray) -> np.ndarray:
    """The palette (256, 3) uint8 that serves frames (F, H, W, 3) uint8 best: k-means of their colours.

    Pixels count the more, the less their neighbours differ: noise and edges hide what smooth places show.
    """
    colours, weights = _histogram(frames)
    palette = _median_cut(colours, weights)
    for _ in range(ROUNDS):
        nearest = _nearest(colours, palette)
        totals = np.bincount(nearest, weights, COLOURS)
        used = totals > 0
        for channel in range(3):
            sums = np.bincount(nearest, weights * colours[:, channel], COLOURS)
            palette[used, channel] = sums[used] / totals[used]
    return np.round(palette).astype(np.uint8)


def _histogram(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours (N, 3) of the cells of colour space that occur, and how much each counts (N,)."""
    num_cells = 1 << 3 * HISTOGRAM_BITS
    totals, sums = np.zeros(num_cells), np.zeros((3, num_cells))
    for frame in frames:
        cells, weights = _cells(frame, HISTOGRAM_BITS).ravel(), _smoothness(frame).ravel()
        totals += np.bincount(cells, weights, num_cells)
        for channel in range(3):
            sums[channel] += np.bincount(cells, weights * frame[..., channel].ravel(), num_cells)
    occurring = totals > 0
    return (sums[:, occurring] / totals[occurring]).T.astype(np.float32), totals[occurring]


def _smoothness(frame: np.ndarray) -> np.ndarray:
    """How smooth a frame (H, W, 3) is at each pixel (H, W): 1 where neighbours are alike, towards 0 at edges."""
    padded = np.pad(frame.astype(np.float32), ((0, 1), (0, 1), (0, 0)), mode="edge")
    right, down = np.abs(np.diff(padded, axis=1))[:-1], np.abs(np.diff(padded, axis=0))[:, :-1]
    changes: np.ndarray = (right + down).mean(axis=-1) / 2
    return 1 / (1 + (changes / EDGE) ** 2)


def _median_cut(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A palette (256, 3) float32 to begin with: Pillow's, of a picture that has each colour as often as it counts."""
    pixels = np.repeat(colours, np.ceil(weights * (1 << 16) / weights.sum()).astype(int), axis=0)
    picture = Image.fromarray(np.round(pixels).astype(np.uint8)[None])
    entries = picture.quantize(COLOURS, Image.Quantize.MEDIANCUT).getpalette() or []
    palette = np.zeros((COLOURS, 3), np.float32)
    palette.ravel()[: len(entries)] = entries
    return palette


def _paletted(frames: Iterable[np.ndarray], palette: np.ndarray) -> Iterator[Image.Image]:
    """Pictures with this palette, that hold for each pixel the number of a colour."""
    levels = (np.arange(1 << TABLE_BITS, dtype=np.float32) + 0.5) * (1 << 8 - TABLE_BITS) - 0.5
    cells = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    table = _nearest(cells, palette.astype(np.float32)).astype(np.uint8)
    for frame in frames:
        height, width, _ = frame.shape
        tiles = np.tile(_PATTERN, (-(-height // 8), -(-width // 8)))[:height, :width, None]
        dithered = np.clip(frame + tiles, 0, 255).astype(np.uint8)
        picture = Image.fromarray(table[_cells(dithered, TABLE_BITS)])
        picture.putpalette(palette.tobytes())
        yield picture


def _cells(frame: np.ndarray, bits: int) -> np.ndarray:
    """The cell of colour space of each pixel, if each channel is cut into 2^bits parts."""
    red, green, blue = np.moveaxis(frame >> 8 - bits, -1, 0).astype(np.int32)
    cells: np.ndarray = (red << 2 * bits) | (green << bits) | blue
    return cells


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """For each colour (N, 3) the number of the palette's nearest."""
    # |c - p|^2 without |c|^2, which is the same for all p
    squares = (palette**2).sum(axis=1)
    parts = np.array_split(colours, 1 + len(colours) // (1 << 14))
    return np.concatenate([np.argmin(squares - 2 * part @ palette.T, axis=1) for part in parts])


def _bayer(size: int) -> np.ndarray:
    """Bayer's matrix: the numbers 0 to size^2 - 1, each far from those next to it in rank."""
    if size == 1:
        return np.zeros((1, 1), int)
    smaller = 4 * _bayer(size // 2)
    return np.block([[smaller, smaller + 2], [smaller + 3, smaller + 1]])


_PATTERN = np.round(DITHER * ((_bayer(8) + 0.5) / 64 - 0.5)).astype(np.int16)
