"""Recipes: what makes a file's pictures again, as JSON inside of it, and read back from each kind of file."""

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image

from ddim import gif, images, video
from ddim.sampling import SampleConfig

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

MANIFEST = "manifest.json"
MAX_RECIPE_BYTES = 1 << 18
EXIF_TAG = ExifTags.Base.ImageDescription


def recipe_of_file(
    command: str, model: "DiffusionModel", config: SampleConfig, seeds: Sequence[int], **more: Any
) -> dict[str, Any]:
    """What makes a file of several pictures again: which command, weights and seeds, and how they were sampled."""
    weights = {"weights": model.card.get("name"), "sha256": model.card.get("sha256")}
    return {"command": command, **weights, "seeds": [int(seed) for seed in seeds], **asdict(config), **more}


def read(path: str | Path) -> dict[str, Any]:
    """The recipe inside a PNG, GIF, WebP, MP4 or ZIP that this app made. Raises ValueError for any other file."""
    path = Path(path)
    if path.suffix.lower() == ".png":
        return images.read_recipe(path)
    try:
        text = _READERS[path.suffix.lower()](path)
        if len(text) > MAX_RECIPE_BYTES:
            raise ValueError("No recipe is as long as that.")
        recipe = json.loads(text)
        if path.suffix.lower() == ".zip":
            recipe = recipe["recipe"]
    except _UNREADABLE as error:
        raise ValueError(f"{path.name} is not a file that this app made: it holds no recipe.") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"{path.name} is not a file that this app made: its recipe is not one of ours.")
    return recipe


def _read_webp(path: Path) -> str:
    with Image.open(path, formats=["WEBP"]) as picture:
        return picture.getexif()[EXIF_TAG]


def _read_zip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as manifest:
        return manifest.read(MAX_RECIPE_BYTES + 1)


_READERS = {".gif": gif.read_comment, ".webp": _read_webp, ".mp4": video.read_comment, ".zip": _read_zip}

# What Pillow, zipfile and json raise when a file is not what it seems, or worse.
_UNREADABLE = (
    *(OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, NotImplementedError, RuntimeError),
    *(Image.DecompressionBombError, zipfile.BadZipFile, zlib.error, Warning),
)
