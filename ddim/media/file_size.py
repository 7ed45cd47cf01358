"""How large a file of frames will be, told before it is made: parts of the film are written, the rest is guessed."""

import tempfile
from dataclasses import replace
from math import isqrt
from pathlib import Path

import numpy as np

from ddim.errors import UserError
from ddim.media.animation import ExportConfig, check_size, save_animation

PARTS = 4
FRAMES_OF_PART = 3
VIDEO_SHARE = 2 / 3  # measured: a video begins anew at each part, which the whole does not


def estimate_size(frames: np.ndarray, suffix: str, config: ExportConfig) -> int:
    """About how many bytes a file of frames (F, H, W, 3) uint8 will have, without its recipe.

    Few frames are all written. Of more, parts from the beginning to the end are, in one file, and the rest costs as
    much as they do: this is right to some 10 percent, for WebP to a third. Raises UserError as `check_size` does.
    """
    num_frames, height, width, _ = frames.shape
    check_size(f"film{suffix}", num_frames, height, width, config)
    if num_frames <= PARTS * FRAMES_OF_PART:
        return _size_of(frames, suffix, config)
    starts = np.linspace(0, num_frames - FRAMES_OF_PART, PARTS).round().astype(int)
    chosen = (starts[:, None] + np.arange(FRAMES_OF_PART)).ravel()
    size: int = _size_of(frames[chosen], suffix, config) * num_frames // len(chosen)
    return round(VIDEO_SHARE * size) if suffix == ".mp4" else size


def largest_factor(frames: np.ndarray, suffix: str, config: ExportConfig, max_bytes: int) -> tuple[int, int]:
    """By how much to enlarge frames, at most by `config.factor`, for a file of about `max_bytes`, and its size.

    What is too large even as it is, is not enlarged. Raises UserError as `check_size` does.
    """
    factor = config.factor
    while True:
        try:
            size = estimate_size(frames, suffix, replace(config, factor=factor))
        except UserError:  # too many pixels
            if factor == 1:
                raise
            size = max_bytes + 1
        if size <= max_bytes or factor == 1:
            return factor, size
        factor = max(1, min(factor - 1, isqrt(factor**2 * max_bytes // size)))  # sizes grow no faster than pixels


def _size_of(frames: np.ndarray, suffix: str, config: ExportConfig) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"part{suffix}"
        save_animation(path, frames, config, {})
        return path.stat().st_size
