"""How the pictures that the page begins with form: a film beside the weights, made once and shipped with them."""

from pathlib import Path

import numpy as np
from PIL import Image

from ddim.errors import UserError
from ddim.making.generate import sample
from ddim.making.recipe import Recipe, Weights
from ddim.media import embedded
from ddim.media.images import grid, to_uint8
from ddim.model.weights import find, load

QUALITY = 20  # of lossy WebP: nobody can tell noise from other noise, and the last picture shown is not from this file
SUFFIX = ".forming.webp"


def save_forming(name: str) -> Path:
    """Film how the pictures of the sheet `<name>.png` form; return the file, `<name>.forming.webp` beside it.

    Its frames stand below one another, one for each step: the noisy pictures in the places that they have in the sheet.
    Raises UserError where the sheet was made with other weights, and OSError where there is none.
    """
    stem = find(name)
    recipe, model = Recipe.from_json(embedded.read(f"{stem}.png")), load(name)
    if recipe.weights.sha256 != Weights.of(model).sha256:
        raise UserError(f"{stem.name}.png was made with other weights than {name}: make it anew first.")
    frames = [grid(to_uint8(step.noisy_images)) for step in sample(model, list(recipe.seeds), recipe.config)]
    path = Path(f"{stem}{SUFFIX}")
    Image.fromarray(np.concatenate(frames)).save(path, quality=QUALITY, method=6)
    return path
