"""What the page shows before anything was made: pictures that ship with the weights."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from PIL import Image

from ddim.making.forming import SUFFIX
from ddim.making.recipe import Recipe
from ddim.media import embedded
from ddim.media.images import default_columns
from ddim.model.weights import available, find
from ddim.ui import controls


def first_screen(runs_dir: str) -> tuple[list[tuple[str, str]], Recipe | None]:
    """Pictures that the weights made beforehand, from the sheet `<name>.png` beside them, and their recipe."""
    for name in available(runs_dir)[:1]:
        path = Path(f"{find(name)}.png")
        if path.is_file():
            recipe = Recipe.from_json(embedded.read(path))
            num_images = len(recipe.seeds)
            columns = default_columns(num_images)
            with Image.open(path) as picture:
                sheet = np.asarray(picture.convert("RGB"))
            size = sheet.shape[1] // columns
            rows = sheet.reshape(-1, size, columns, size, 3).swapaxes(1, 2)
            return controls.captioned(rows.reshape(-1, size, size, 3)[:num_images], recipe.pictures()), recipe
    return [], None


def opening(runs_dir: str, recipe: Recipe | None) -> dict[str, Any] | None:
    """How the pictures of the first screen form: where the browser finds the film of `ddim.making.forming`, if any."""
    film = Path(f"{find(available(runs_dir)[0])}{SUFFIX}") if recipe else None
    if recipe is None or film is None or not film.is_file():
        return None
    gr.set_static_paths([film])
    return {
        "address": f"gradio_api/file={quote(str(film))}",
        "seeds": [int(seed) for seed in recipe.seeds],
        "columns": default_columns(len(recipe.seeds)),
        "num_frames": recipe.config.num_steps,
    }
