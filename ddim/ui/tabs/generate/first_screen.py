"""What the page shows before anything was made: pictures that ship with the weights."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ddim.making.recipe import Recipe
from ddim.media import embedded
from ddim.media.images import cut, default_columns
from ddim.model.weights import available, find
from ddim.ui import beside, controls


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
            return controls.captioned(cut(sheet, columns)[:num_images], recipe.pictures()), recipe
    return [], None


def opening(runs_dir: str, recipe: Recipe | None) -> dict[str, Any] | None:
    """How the pictures of the first screen form: where the browser finds the film of `ddim.making.forming`, if any."""
    film = beside.address_of(available(runs_dir)[0], beside.FORMING) if recipe else None
    if recipe is None or film is None:
        return None
    return {
        "address": film,
        "seeds": [int(seed) for seed in recipe.seeds],
        "columns": default_columns(len(recipe.seeds)),
        "num_frames": recipe.config.num_steps,
    }
