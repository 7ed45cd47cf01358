"""Pixels only: from arrays to picture files and back, with the recipe of a picture inside its file."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

RECIPE_KEY = "parameters"


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Pictures with [0, 1] as the range of pixels -> uint8, clipped and rounded."""
    return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)


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


def to_pil(image: np.ndarray, recipe: dict | None = None) -> Image.Image:
    """A picture (H, W, 3) uint8 for display; its recipe rides in `info`, which Gradio writes to PNGs."""
    picture = Image.fromarray(image)
    if recipe is not None:
        picture.info[RECIPE_KEY] = json.dumps(recipe)
    return picture


def save_png(path: str | Path, image: np.ndarray, recipe: dict | None = None) -> None:
    """Write a picture (H, W, 3) uint8 losslessly, with its recipe as JSON in the text chunk `parameters`."""
    text = PngImagePlugin.PngInfo()
    if recipe is not None:
        text.add_text(RECIPE_KEY, json.dumps(recipe))
    Image.fromarray(image).save(path, format="PNG", pnginfo=text)


def read_recipe(path: str | Path) -> dict:
    """The recipe inside a PNG. Raises ValueError where there is none."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
            recipe = json.loads(picture.text[RECIPE_KEY])
    except (OSError, SyntaxError, ValueError, KeyError, Image.DecompressionBombError) as error:
        raise ValueError(f"{Path(path).name} is not a PNG that this app made: it holds no recipe.") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"{Path(path).name} is not a PNG that this app made: its recipe is not one of ours.")
    return recipe
