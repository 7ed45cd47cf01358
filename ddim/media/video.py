"""MP4 video that plays in browsers and chat programs: H.264 with even sides and halved colour resolution."""

import errno
import os
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

ROOM = 1 << 20  # bytes: with less than this left, a disk counts as full
QUALITY = 14  # x264's constant rate factor: 0 is lossless, 23 its default
MAX_BOXES = 1000
MAX_COMMENT_BYTES = 1 << 20

_OUTPUT = [
    *("-crf", str(QUALITY), "-preset", "medium"),
    # Browsers guess the colours of a video that does not say how they were made.
    "-vf",
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int+lanczos,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv",
    *("-movflags", "+faststart"),
    # The same bytes every time: x264's choices depend on the number of threads.
    *("-threads", "4", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
]


def save_mp4(path: str | Path, frames: Iterable[np.ndarray], frames_per_second: int, comment: str) -> None:
    """Write frames (H, W, 3) uint8 of one size. An odd side grows by one pixel, a copy of its neighbour.

    Raises OSError where the file cannot be written.
    """
    cause = None
    try:
        _write(path, frames, frames_per_second, comment)
        if _is_whole(path):  # ffmpeg may fail without a word
            return
    except OSError as error:
        cause = error
    code = errno.ENOSPC if shutil.disk_usage(Path(path).parent).free < ROOM else errno.EIO
    raise OSError(code, os.strerror(code), str(path)) from cause


def _write(path: str | Path, frames: Iterable[np.ndarray], frames_per_second: int, comment: str) -> None:
    import imageio.v2 as imageio  # here, so that only those who make a video need it

    with imageio.get_writer(
        path,
        format="FFMPEG",
        fps=frames_per_second,
        codec="libx264",
        quality=None,
        pixelformat="yuv420p",
        macro_block_size=2,
        output_params=[*_OUTPUT, "-metadata", f"comment={comment}"],
    ) as writer:
        for frame in frames:
            height, width, _ = frame.shape
            writer.append_data(  # type: ignore[attr-defined]
                np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            )


def _is_whole(path: str | Path) -> bool:
    """Whether an MP4 has the table of its frames, which is written last."""
    try:
        with Path(path).open("rb") as file:
            _find_box(file, b"moov", 0, file.seek(0, 2))
    except ValueError:
        return False
    return True


def read_comment(path: str | Path) -> bytes:
    """The comment in an MP4's metadata. Raises ValueError where there is none, or one of more than a megabyte."""
    with Path(path).open("rb") as file:
        start, end = 0, file.seek(0, 2)
        for name in (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"):
            start, end = _find_box(file, name, start, end)
            if name == b"meta":
                start += 4  # its version
        if end - start > MAX_COMMENT_BYTES:
            raise ValueError("No comment is as long as that.")
        file.seek(start + 8)  # type and language
        return file.read(max(0, end - start - 8))


def _find_box(file: BinaryIO, name: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the content of the first box of this name begins and ends, within a part of the file."""
    for _ in range(MAX_BOXES):
        if end - start < 8:
            break
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        if not 8 <= size <= end - start:
            break
        if kind == name:
            return start + 8, start + size
        start += size
    raise ValueError(f"There is no box {name!r}.")
