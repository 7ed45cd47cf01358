"""Pictures at places between seeds: at one place between two or four, and on the whole plane between four.

There is no fresh noise there (eta is 0): with it, neighbouring pictures would differ by chance, not by their place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ddim.noise import lerp, noise_from_seeds, seed_plane, slerp
from ddim.recipes import recipe_of_file
from ddim.sampling import SampleConfig, Step, sample_from

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

MAX_PLANE_SIZE = 16

Interpolation = Literal["slerp", "lerp"]


def sample_plane(model: "DiffusionModel", corners: Sequence[int], size: int, **settings: Any) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (size * size, H, W, C) row by row: the plane between four seeds.

    The seeds are the corners: top left, top right, bottom left, bottom right. Raises ValueError, at the first step,
    for other than 4 seeds, a size not from 2 to 16, wrong settings, and eta other than 0.
    """
    recipes = [{"seeds": corners, "coordinates": point, "interpolation": "slerp"} for point in plane_points(size)]
    noises = np.stack([noise_of(recipe, model.image_shape) for recipe in recipes])
    yield from sample_noises(model, noises, **settings)


def plane_points(size: int) -> list[tuple[float, float]]:
    """The coordinates (across, down) of the pictures of a plane with `size` rows and columns, row by row."""
    if not isinstance(size, int) or not 2 <= size <= MAX_PLANE_SIZE:
        raise ValueError(f"A plane has 2 to {MAX_PLANE_SIZE} rows and columns, but {size!r} were asked for.")
    return [(across / (size - 1), down / (size - 1)) for down in range(size) for across in range(size)]


def sample_at(model: "DiffusionModel", noise: Mapping[str, Any], **settings: Any) -> Iterator[Step]:
    """Yield a Step for each node, its picture (1, H, W, C) the one at the place that a recipe's `noise` tells."""
    yield from sample_noises(model, noise_of(noise, model.image_shape)[None], **settings)


def noise_of(noise: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """The noise (*shape) float32 that a recipe's `noise` tells: {"seeds", "coordinates", "interpolation"}.

    Two seeds have one coordinate, how far from the first to the second; four are the corners of a plane, with two,
    across and down. Raises ValueError for anything else.
    """
    try:
        seeds, coordinates = list(noise["seeds"]), [float(number) for number in noise["coordinates"]]
        interpolation = noise["interpolation"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("A place between seeds has seeds, coordinates and interpolation.") from error
    if (len(seeds), len(coordinates)) not in ((2, 1), (4, 2)):
        raise ValueError(
            "A place lies between 2 seeds with 1 coordinate, or between 4 with 2, but these are "
            f"{len(seeds)} seeds and {len(coordinates)} coordinates."
        )
    if not all(0 <= coordinate <= 1 for coordinate in coordinates):
        raise ValueError(f"Coordinates lie between 0 and 1, but these are {coordinates}.")
    stops = noise_from_seeds(seeds, shape)
    if len(seeds) == 4:
        if interpolation != "slerp":
            raise ValueError(
                f"A plane between seeds has the interpolation 'slerp', but this one has {interpolation!r}."
            )
        return seed_plane(stops, *coordinates)
    return way_between(interpolation)(*stops, *coordinates)


def sample_noises(model: "DiffusionModel", noises: np.ndarray, **settings: Any) -> Iterator[Step]:
    """As `sample`, from given noises (B, H, W, C) instead of seeds, and with eta 0."""
    config = model.sample_config(**settings)
    check_eta(config)
    yield from sample_from(model, noises, config)


def check_eta(config: SampleConfig) -> None:
    """Raise ValueError if fresh noise would drown the way between two noises."""
    if config.eta:
        raise ValueError(
            f"Between seeds eta must be 0, but is {config.eta}: with fresh noise, neighbours would differ by chance."
        )


def recipe_of_plane(model: "DiffusionModel", config: SampleConfig, corners: Sequence[int], size: int) -> dict[str, Any]:
    """What makes all pictures of a plane again."""
    return recipe_of_file("plane", model, config, corners, size=size)


def recipe_at(
    model: "DiffusionModel",
    config: SampleConfig,
    seeds: Sequence[int],
    coordinates: Sequence[float],
    interpolation: Interpolation = "slerp",
) -> dict[str, Any]:
    """What makes the picture at a place between seeds again: as for a seed, with `noise` in its place."""
    recipe = recipe_of_file("sample", model, config, seeds)
    noise = {"seeds": recipe.pop("seeds"), "coordinates": list(coordinates), "interpolation": interpolation}
    return {**recipe, "noise": noise}


def way_between(interpolation: Interpolation) -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
    """The function of two noises and a position that has this name. Raises ValueError for another name."""
    match interpolation:
        case "slerp":
            return slerp
        case "lerp":
            return lerp
    raise ValueError(f"interpolation must be slerp or lerp, but is {interpolation!r}.")
