"""Frames become a file: GIF, WebP, MP4, a contact sheet as PNG, or a ZIP of PNGs. Its ending chooses which.

The same frames, settings and recipe give the same bytes.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from ddim.configuration import check_choices
from ddim.errors import UserError
from ddim.media.embedded import EXIF_TAG, MANIFEST
from ddim.media.gif import palette_of, save_gif
from ddim.media.images import grid, save_png
from ddim.media.video import save_mp4
from ddim.notation import in_a_row

SUFFIXES = (".gif", ".webp", ".mp4", ".png", ".zip")
MAX_FRAMES = 512
MAX_SIDE = 4096
MAX_SHEET_SIDE = 8192
MAX_PIXELS = 1 << 27  # of all frames together: WebP holds them in memory


@dataclass(frozen=True)
class ExportConfig:
    """How frames become a file.

    Attributes:
        frames_per_second: Frames shown per second, 1 to 50.
        hold_first: Seconds that the first frame stays, 0 to 10, or as long as the others if that is more.
        hold_last: Seconds that the last frame stays, likewise.
        repeat: Whether a GIF or WebP plays again and again; for an MP4 that is up to its player.
        enlargement: "nearest" keeps the pixels visible, "lanczos" smooths them.
        factor: By how much width and height are multiplied, 1 to 16.
        lossless: Whether a WebP keeps every pixel; otherwise it is a third as large, and looks the same to most.
    """

    frames_per_second: int = 20
    hold_first: float = 0.5
    hold_last: float = 1.5
    repeat: bool = True
    enlargement: Literal["nearest", "lanczos"] = "nearest"
    factor: int = 4
    lossless: bool = True

    def __post_init__(self) -> None:
        check_choices(self)
        for name, highest in (("frames_per_second", 50), ("factor", 16)):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= highest:
                raise UserError(f"{name} must be an integer from 1 to {highest}, but is {value!r}.")
        for name in ("hold_first", "hold_last"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= 10:
                raise UserError(f"{name} must be between 0 and 10 seconds, but is {value!r}.")


def file_name(command: str, seeds: Sequence[int], num_steps: int | Sequence[int], suffix: str) -> str:
    """A name that says what is inside, such as ddim-animate-seed7-40steps.gif."""
    counts = [num_steps] if isinstance(num_steps, int) else num_steps
    return f"ddim-{command}-seed{'s' if len(seeds) > 1 else ''}{_joined(seeds)}-{_joined(counts)}steps{suffix}"


def check_size(path: str | Path, num_frames: int, height: int, width: int, config: ExportConfig) -> None:
    """Raise UserError if frames of this height and width, in pixels, cannot become a file of this name.

    To be called before pictures are made, so that nobody waits for nothing.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"The file must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, but is {Path(path).name}.")
    if not 1 <= num_frames <= MAX_FRAMES:
        raise UserError(f"An animation has 1 to {MAX_FRAMES} frames, but {num_frames} were asked for.")
    pixels, side, highest_side = num_frames * height * width, max(height, width), MAX_SIDE
    if suffix == ".png":
        columns = _sheet_columns(num_frames, height, width)
        side, highest_side = max(columns * width, -(-num_frames // columns) * height), MAX_SHEET_SIDE
    fitting = min(highest_side // side, int(np.sqrt(MAX_PIXELS / pixels)))
    if fitting < 1:
        raise UserError(f"{num_frames} frames of {width} x {height} pixels are too many for one {suffix} file.")
    if config.factor > fitting:
        raise UserError(
            f"{num_frames} frames of {width} x {height} pixels can be enlarged by {fitting} in a {suffix} file, "
            f"but a factor of {config.factor} was asked for."
        )


def save_animation(
    path: str | Path,
    frames: np.ndarray,
    config: ExportConfig,
    recipe: Mapping[str, Any],
    frame_recipes: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write frames (F, H, W, 3) uint8 with the recipe that makes them again; the ending of `path` is the format.

    In a ZIP each frame is a PNG, and has its own recipe from `frame_recipes`, if given. Raises UserError as
    `check_size` does.
    """
    num_frames, height, width, _ = frames.shape
    check_size(path, num_frames, height, width, config)
    enlarged, comment = (enlarge(frame, config) for frame in frames), json.dumps(recipe)
    match Path(path).suffix.lower():
        case ".gif":
            save_gif(path, enlarged, palette_of(frames), durations(num_frames, config), config.repeat, comment)
        case ".webp":
            _save_webp(path, enlarged, durations(num_frames, config), config, comment)
        case ".mp4":
            repeated = _held(enlarged, num_frames, config)
            save_mp4(path, repeated, config.frames_per_second, comment)
        case ".png":
            save_png(path, grid(np.stack(list(enlarged)), _sheet_columns(num_frames, height, width)), recipe)
        case ".zip":
            _save_zip(path, enlarged, durations(num_frames, config), recipe, frame_recipes)


def enlarge(image: np.ndarray, config: ExportConfig) -> np.ndarray:
    """A picture (H, W, 3) uint8, `config.factor` times as high and wide."""
    if config.factor == 1:
        return image
    if config.enlargement == "nearest":
        return image.repeat(config.factor, axis=0).repeat(config.factor, axis=1)
    height, width, _ = image.shape
    size = (width * config.factor, height * config.factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def durations(num_frames: int, config: ExportConfig) -> list[int]:
    """Milliseconds of each frame: whole hundredths of a second, as in GIF, whose sum does not drift."""
    ends = np.round(100 * np.arange(num_frames + 1) / config.frames_per_second).astype(int)
    milliseconds: list[int] = (10 * np.diff(ends)).tolist()
    milliseconds[0] = max(milliseconds[0], 10 * round(100 * config.hold_first))
    milliseconds[-1] = max(milliseconds[-1], 10 * round(100 * config.hold_last))
    return milliseconds


def _held(frames: Iterator[np.ndarray], num_frames: int, config: ExportConfig) -> Iterator[np.ndarray]:
    """The frames of a video, with the held ones repeated."""
    times = [1] * num_frames
    times[0] = max(1, round(config.hold_first * config.frames_per_second))
    times[-1] = max(times[-1], round(config.hold_last * config.frames_per_second))
    for frame, count in zip(frames, times, strict=True):
        yield from [frame] * count


def _save_webp(
    path: str | Path, frames: Iterator[np.ndarray], milliseconds: list[int], config: ExportConfig, comment: str
) -> None:
    exif = Image.Exif()
    exif[EXIF_TAG] = comment
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(
        path,
        format="WEBP",
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0 if config.repeat else 1,
        lossless=config.lossless,
        exif=exif,
    )


def _save_zip(
    path: str | Path,
    frames: Iterator[np.ndarray],
    milliseconds: list[int],
    recipe: Mapping[str, Any],
    frame_recipes: Sequence[Mapping[str, Any]] | None,
) -> None:
    entries = []
    with zipfile.ZipFile(path, "w") as archive:
        for index, (frame, duration) in enumerate(zip(frames, milliseconds, strict=True)):
            name, content = f"frame_{index + 1:04}.png", io.BytesIO()
            entries.append({"file": name, "milliseconds": duration})
            save_png(content, frame, frame_recipes[index] if frame_recipes else None)
            archive.writestr(_member(name), content.getvalue())
        manifest = json.dumps({"recipe": recipe, "frames": entries}, indent=2)
        archive.writestr(_member(MANIFEST), manifest + "\n")


def _member(name: str) -> zipfile.ZipInfo:
    """A file in a ZIP that anyone may read, and whose date is always the same."""
    member = zipfile.ZipInfo(name)
    member.external_attr = 0o644 << 16
    return member


def _sheet_columns(num_frames: int, height: int, width: int) -> int:
    """Columns that make a sheet of frames about as wide as high."""
    return min(num_frames, int(np.ceil(np.sqrt(num_frames * height / width))))


def _joined(numbers: Sequence[int]) -> str:
    """3-8-21 for a few numbers, 1to20 for many in a row."""
    is_told_by_ends = (len(numbers) > 2 and in_a_row(numbers)) or len(numbers) > 12
    return f"{numbers[0]}to{numbers[-1]}" if is_told_by_ends else "-".join(map(str, numbers))
