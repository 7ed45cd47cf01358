"""Sheets that are looked at for a moment, as files in Gradio's cache."""

import tempfile
import zlib
from pathlib import Path

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
