"""Files in Gradio's cache, and every call to Gradio that its documentation does not promise."""

import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.blocks import Block
from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from ddim.media.images import to_pil


def save_sheet(sheet: Image.Image, owner: Block) -> str:
    """Write a sheet that is only looked at for a moment as a PNG and return its path. Gradio deletes it later.

    `owner` is the component that shows it: if a visitor stops the work, Gradio does not note the file by itself.
    """
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".png", delete=False) as file:
        # Quick, and hardly larger than it need be: noise does not compress.
        sheet.save(file, format="PNG", compress_level=1, compress_type=zlib.Z_RLE)
    owner.temp_files.add(file.name)
    return file.name


def save_picture(image: np.ndarray, recipe: Mapping[str, Any], name: str, owner: Block) -> str:
    """Write a picture (H, W, 3) uint8 with its recipe as a PNG of this name, like `save_sheet`; return its path."""
    path = save_pil_to_cache(to_pil(image, recipe), get_upload_folder(), name=name, format="png")
    owner.temp_files.add(path)
    return path


def address_of(path: str) -> str:
    """Where a browser finds a file of the cache, from the address of the page."""
    return f"gradio_api/file={quote(path)}"


def is_uploaded(path: Any) -> bool:
    """Whether this is the path of a file in the cache, where uploads are, and of no folder."""
    return isinstance(path, str) and Path(path).is_file() and Path(path).resolve().is_relative_to(_cache())


def _cache() -> Path:
    return Path(get_upload_folder()).resolve()


def survive_deletion(demo: gr.Blocks) -> None:
    """Let files be made while Gradio deletes old ones: if its sets of them grew meanwhile, it would never do so again.

    To be called when everything is laid out.
    """
    safe = {id(block.temp_files): _Paths(block.temp_files) for block in demo.blocks.values()}
    for block in demo.blocks.values():
        block.temp_files = safe[id(block.temp_files)]
    demo.temp_file_sets = [safe.get(id(paths), paths) for paths in demo.temp_file_sets]


class _Paths(set[str]):
    """A set that may grow while something iterates over it."""

    def __iter__(self) -> Iterator[str]:
        return iter(set(self))
