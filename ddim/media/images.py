"""Pixels only: from arrays to picture files, with the recipe of a picture inside its file."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, PngImagePlugin

RECIPE_KEY = "parameters"


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Pictures on the pixel scale [0, 1] -> uint8, clipped and rounded."""
    levels: np.ndarray = np.round(255 * np.clip(images, 0, 1))
    return levels.astype(np.uint8)


def default_columns(num_images: int) -> int:
    """Columns of the squarest grid that is not taller than wide."""
    return int(np.ceil(np.sqrt(num_images)))


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Pictures (B, H, W, C) uint8 side by side -> (rows * H, columns * W, C); places left over are black."""
    columns = columns or default_columns(len(images))
    rows = -(-len(images) // columns)
    _, height, width, channels = images.shape
    places = np.zeros((rows * columns, height, width, channels), images.dtype)
    places[: len(images)] = images
    places = places.reshape(rows, columns, height, width, channels)
    return places.swapaxes(1, 2).reshape(rows * height, columns * width, channels)


def cut(sheet: np.ndarray, columns: int) -> np.ndarray:
    """The square pictures (B, S, S, C) of a sheet with so many columns, and what fills places left over: see `grid`."""
    size = sheet.shape[1] // columns
    pictures: np.ndarray = sheet.reshape(-1, size, columns, size, sheet.shape[2]).swapaxes(1, 2)
    return pictures.reshape(-1, size, size, sheet.shape[2])


def to_pil(image: np.ndarray, recipe: Mapping[str, Any] | None = None) -> Image.Image:
    """A picture (H, W, 3) uint8 for display; its recipe is in `info`, which Gradio writes to PNGs."""
    picture = Image.fromarray(image)
    if recipe is not None:
        picture.info[RECIPE_KEY] = json.dumps(recipe)
    return picture


def save_picture(path: Path, image: np.ndarray) -> None:
    """Write a picture (H, W, 3) uint8 as the ending of its name says."""
    Image.fromarray(image).save(path, quality=95)


def save_png(path: str | Path | IO[bytes], image: np.ndarray, recipe: Mapping[str, Any] | None = None) -> None:
    """Write a picture (H, W, 3) uint8 losslessly, with its recipe as JSON in the text chunk `parameters`."""
    text = PngImagePlugin.PngInfo()
    if recipe is not None:
        text.add_text(RECIPE_KEY, json.dumps(recipe))
    Image.fromarray(image).save(path, format="PNG", pnginfo=text)


def data_address(image: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as an address that holds all of it, as a PNG."""
    content = io.BytesIO()
    save_png(content, image)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
