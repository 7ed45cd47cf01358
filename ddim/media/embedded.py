"""Recipes inside files: what makes a file's pictures again, read back from each kind of file as JSON."""

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from ddim.errors import UserError
from ddim.media import gif, video
from ddim.media.images import RECIPE_KEY

MANIFEST = "manifest.json"
MAX_RECIPE_BYTES = 1 << 18
EXIF_TAG = ExifTags.Base.ImageDescription


def read(path: str | Path) -> dict[str, Any]:
    """The recipe inside a PNG, GIF, WebP, MP4 or ZIP that this app made. Raises UserError for any other file."""
    path = Path(path)
    suffix = path.suffix.lower()
    kind = "PNG" if suffix == ".png" else "file"
    try:
        text: Any = _READERS[suffix](path)
        if len(text) > MAX_RECIPE_BYTES:
            raise ValueError("No recipe is as long as that.")
        recipe = json.loads(text)
        if suffix == ".zip":
            recipe = recipe["recipe"]
    except _UNREADABLE as error:
        raise UserError(f"{path.name} is not a {kind} that this app made: it holds no recipe.") from error
    if not isinstance(recipe, dict):
        raise UserError(f"{path.name} is not a {kind} that this app made: its recipe is not one of ours.")
    return recipe


def _read_png(path: Path) -> Any:
    with Image.open(path, formats=["PNG"]) as picture:
        picture.load()
        return picture.info[RECIPE_KEY]


def _read_webp(path: Path) -> Any:
    with Image.open(path, formats=["WEBP"]) as picture:
        return picture.getexif()[EXIF_TAG]


def _read_zip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as manifest:
        return manifest.read(MAX_RECIPE_BYTES + 1)


_READERS: dict[str, Callable[[Path], Any]] = {
    ".png": _read_png,
    ".gif": gif.read_comment,
    ".webp": _read_webp,
    ".mp4": video.read_comment,
    ".zip": _read_zip,
}

# What Pillow, zipfile and json raise when a file is not what it seems, or worse.
_UNREADABLE = (
    *(OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, NotImplementedError, RuntimeError),
    *(Image.DecompressionBombError, zipfile.BadZipFile, zlib.error, Warning),
)
