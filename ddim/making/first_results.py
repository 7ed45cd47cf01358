"""What tabs show before anything was made in them: a result of each kind, made once and shipped with the weights.

Each is a sheet of all its pictures beside the weights, lossless, with its recipe inside. Of an animation it has what
the network saw in each step: the noise around it follows from that, see `ddim.making.film.replay`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from ddim.diffusion.sampling import BEST_NODE_PLACEMENTS, SolverName, Step
from ddim.making.compare import Comparison, Contender, compare
from ddim.making.film import animate
from ddim.making.plane import sample_plane
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate
from ddim.media import embedded
from ddim.media.animation import ExportConfig, save_animation
from ddim.media.images import cut, grid, to_uint8
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.weights import few_steps_of, find, load, read_card

KINDS = ("compare", "walk", "plane", "animate")


def save_first_results(name: str) -> list[Path]:
    """Make a result of each kind with these weights, and return the files, `<name>.<kind>.webp` beside them.

    Raises as `load` does.
    """
    stem, model = find(name), load(name)
    paths = []
    for kind, recipe in _recipes(model).items():
        path = _path(stem, kind)
        sheet = grid(_pictures_of(recipe, model), _columns(recipe))
        save_animation(path, sheet[None], ExportConfig(factor=1), recipe.to_json())
        paths.append(path)
    return paths


def read_first_result(stem: Path, kind: str) -> tuple[Recipe, np.ndarray] | None:
    """The recipe of a kind of result and its pictures (N, H, W, 3) uint8, from beside the weights `stem`.

    They are in the order of the comparison's plan, of the walk, of the plane's rows, or of the animation's steps; for
    each cell or step there is one of each seed. None where nothing was made with these very weights. Raises UserError
    for a damaged recipe.
    """
    path = _path(stem, kind)
    if kind not in KINDS or not path.is_file():
        return None
    recipe = Recipe.from_json(embedded.read(path))
    if recipe.weights.sha256 != read_card(stem)["sha256"]:
        return None
    with Image.open(path) as sheet:
        return recipe, cut(np.asarray(sheet.convert("RGB")), _columns(recipe))


def comparison_of(recipe: Recipe, model: DiffusionModel) -> Comparison:
    """The comparison that a recipe makes, if it is one of a single set of weights: those of this model."""
    contenders = {str(recipe.weights.weights): Contender(model, recipe.config)}
    solvers = [cast(SolverName, solver) for solver in recipe.solvers]
    class_names = [str(name) for name in recipe.class_names]
    axes = (recipe.seeds, recipe.step_counts, solvers, recipe.guidances, class_names)
    return Comparison(contenders, *axes, recipe.node_placements)


def _recipes(model: DiffusionModel) -> dict[str, Recipe]:
    """What the page makes by itself in each tab with these weights, but for walk, plane and film, which are shorter."""
    weights, guidance = Weights.of(model), model.card.get("guidance", 1.0)
    plain = model.sample_config()
    few_steps = model.sample_config(**few_steps_of(model.card))
    comparison = Comparison(
        {str(weights.weights): Contender(model, plain)},
        range(4),
        (2, 5, 10, 20),
        ("ddim", "unipc"),
        guidances=(guidance,) if model.classes else (),
        node_placements={"unipc": BEST_NODE_PLACEMENTS["unipc"]},
    )
    return {
        "compare": Recipe.of_comparison(comparison),
        "walk": Recipe("interpolate", weights, few_steps, (3, 8), walk=WalkConfig(frames=24)),
        "plane": Recipe("plane", weights, few_steps, (3, 8, 21, 5), size=5),
        "animate": Recipe("animate", weights, model.sample_config(num_steps=20, guidance=guidance), range(3)),
    }


def _pictures_of(recipe: Recipe, model: DiffusionModel) -> np.ndarray:
    """The pictures of a recipe as `read_first_result` returns them."""
    if recipe.command == "compare":
        cells = compare(comparison_of(recipe, model))
        return np.concatenate([cell.images for cell in cells if cell.is_finished])
    if recipe.command == "animate":
        steps = animate(model, recipe.seeds, recipe.config)
        return np.concatenate([to_uint8(step.pred_images) for step in steps])
    *_, last = _between_seeds(recipe, model)
    return to_uint8(last.pred_images)


def _between_seeds(recipe: Recipe, model: DiffusionModel) -> Iterator[Step]:
    if recipe.walk:
        return interpolate(model, recipe.seeds, recipe.walk, recipe.config)
    return sample_plane(model, recipe.seeds, recipe.size, recipe.config)


def _columns(recipe: Recipe) -> int:
    """Columns that leave no place over: those of the plane, or the seeds."""
    return recipe.size or len(recipe.seeds)


def _path(stem: Path, kind: str) -> Path:
    return Path(f"{stem}.{kind}.webp")
