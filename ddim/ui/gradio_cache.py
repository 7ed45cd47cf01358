"""Files in Gradio's cache, which `sweeping` deletes after an hour.

Beside gradio_queue.py the only module that calls what Gradio's documentation does not promise.
"""

import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from ddim.media.images import to_pil
from ddim.ui import sweeping


def save_sheet(sheet: Image.Image, is_exact: bool = True) -> str:
    """Write a sheet that is only looked at as a PNG, or else as a JPEG with all its colours, and return its path."""
    suffix = ".png" if is_exact else ".jpg"
    with tempfile.NamedTemporaryFile(dir=_made_cache(), suffix=suffix, delete=False) as file:
        if is_exact:  # quick, and hardly larger than it need be: noise does not compress
            sheet.save(file, format="PNG", compress_level=1, compress_type=zlib.Z_RLE)
        else:
            sheet.save(file, format="JPEG", quality=90, subsampling=0)
    return file.name


def save_picture(image: np.ndarray, recipe: Mapping[str, Any], name: str) -> str:
    """Write a picture (H, W, 3) uint8 with its recipe as a PNG of this name, like `save_sheet`; return its path."""
    return save_pil_to_cache(to_pil(image, recipe), get_upload_folder(), name=name, format="png")


def new_folder() -> Path:
    """A folder for files that a visitor takes away; what is in the cache already, Gradio does not copy."""
    return Path(tempfile.mkdtemp(dir=_made_cache()))


def address_of(path: str) -> str:
    """Where a browser finds a file of the cache, from the address of the page."""
    return f"gradio_api/file={quote(path)}"


def is_uploaded(path: Any) -> bool:
    """Whether this is the path of a file in the cache, where uploads are, and of no folder."""
    return isinstance(path, str) and Path(path).is_file() and Path(path).resolve().is_relative_to(_cache())


def _cache() -> Path:
    return Path(get_upload_folder()).resolve()


def _made_cache() -> Path:
    _cache().mkdir(parents=True, exist_ok=True)
    return _cache()


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for the cache of this app alone, below GRADIO_TEMP_DIR or the system's own: see `sweeping`.

    To be entered before anything is laid out.
    """
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    with sweeping.own_folder(parent) as folder:
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        yield folder


def laid_out_files(demo: gr.Blocks) -> list[Path]:
    """The files in the cache that the page shows to every visitor for as long as it is served."""
    return [Path(path) for block in demo.blocks.values() for path in block.keep_in_cache]


def forget_files(demo: gr.Blocks) -> None:
    """Let Gradio note no files, since they are deleted by their age: its sets of them would grow for ever.

    To be called when everything is laid out.
    """
    demo.upload_file_set = _Nothing()
    for block in demo.blocks.values():
        block.temp_files = _Nothing()
    demo.temp_file_sets = []


class _Nothing(set[str]):
    """A set that stays empty."""

    def add(self, path: str, /) -> None:
        """Forget it."""

    def update(self, *paths: Iterable[str]) -> None:
        """Forget them."""
