"""Sheets that are looked at for a moment, as files in Gradio's cache."""

import tempfile
import zlib
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image


def save(sheet: Image.Image) -> str:
    """Write a sheet as a PNG and return its path. Gradio deletes it in time once it was part of a result."""
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".png", delete=False) as file:
        # Quick, and hardly larger than it could be: noise does not compress.
        sheet.save(file, format="PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.name


def survive_deletion(demo: gr.Blocks) -> None:
    """Let files be made while Gradio deletes old ones, which its sets of them do not bear: deleting would end for good.

    To be called when everything is laid out.
    """
    safe = {id(block.temp_files): _Paths(block.temp_files) for block in demo.blocks.values()}
    for block in demo.blocks.values():
        block.temp_files = safe[id(block.temp_files)]
    demo.temp_file_sets = [safe.get(id(paths), paths) for paths in demo.temp_file_sets]


class _Paths(set):
    """A set that may grow while it is gone through."""

    def __iter__(self):
        return iter(set(self))
