"""One seed, one picture: the noise that pictures form out of, and the paths between two noises.

A picture's noise comes from a generator of its own, so it is the same whatever batch the picture is in.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ddim.errors import UserError
from ddim.notation import briefly, parse_numbers

SEED_BOUND = 2**32


def seed_range(seed: int, num_images: int) -> list[int]:
    """The seeds of a request: picture i has seed + i. Raises UserError if one would leave [0, 2^32)."""
    if num_images < 1:
        raise UserError(f"The number of pictures must be at least 1, but is {briefly(num_images)}.")
    if not 0 <= seed <= SEED_BOUND - num_images:
        raise UserError(
            f"Seeds lie between 0 and {SEED_BOUND - 1}, and picture i has seed + i: "
            f"{num_images} pictures from seed {briefly(seed)} on do not fit."
        )
    return list(range(seed, seed + num_images))


def parse_seeds(entries: str | Sequence[str | int], at_least: int, at_most: int) -> tuple[int, ...]:
    """Seeds as people write them, in the order given, from text such as "3,8,21" or "0-5" or from a list.

    Raises UserError for fewer or more of them than these bounds, and for what is not a seed.
    """
    seeds = parse_numbers(entries, "seeds", 0, SEED_BOUND - 1, at_most)
    if len(seeds) < at_least:
        raise UserError(f"This needs {at_least} to {at_most} seeds, but there is only {len(seeds)}.")
    return tuple(seeds)


def noises_from_seeds(seeds: Sequence[int], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Endless standard normal noise (B, *shape) float32 for pictures with these seeds.

    The first array is the initial noise; each one after it belongs to a step of stochastic sampling.
    Raises UserError, at the first array, for a seed that is not an integer in [0, 2^32).
    """
    for seed in seeds:
        if not (isinstance(seed, int | np.integer) and 0 <= seed < SEED_BOUND):
            raise UserError(f"A seed is an integer between 0 and {SEED_BOUND - 1}, but one is {briefly(seed)}.")
    generators = [np.random.Generator(np.random.Philox(key=int(seed))) for seed in seeds]
    while True:
        yield np.stack([generator.standard_normal(shape, dtype=np.float32) for generator in generators])


def noise_from_seeds(seeds: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
    """Initial noise (B, *shape) float32 of pictures with these seeds."""
    return next(noises_from_seeds(seeds, shape))


def slerp(start: np.ndarray, end: np.ndarray, position: float) -> np.ndarray:
    """The noise at `position` in [0, 1] on the great circle from `start` to `end`, arrays of one shape.

    Normal noise in many dimensions lies close to a sphere; a point on this arc has the length, and so the
    variance, that the network knows (DDIM, 2010.02502, Eq. 67).
    """
    exact_start, exact_end = start.astype(np.float64), end.astype(np.float64)
    cosine = np.vdot(exact_start, exact_end) / (np.linalg.norm(exact_start) * np.linalg.norm(exact_end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:  # the same direction, or opposite ones, between which no arc is the shortest
        return lerp(start, end, position)
    start_weight, end_weight = np.sin((1 - position) * angle) / np.sin(angle), np.sin(position * angle) / np.sin(angle)
    between: np.ndarray = start_weight * start + end_weight * end
    return between.astype(start.dtype)


def lerp(start: np.ndarray, end: np.ndarray, position: float) -> np.ndarray:
    """The noise at `position` in [0, 1] on the straight line, which cuts through the sphere and loses variance."""
    between: np.ndarray = (1 - position) * start + position * end
    return between.astype(start.dtype)


def seed_plane(corners: np.ndarray, across: float, down: float) -> np.ndarray:
    """The noise at a point of the square between four noises (4, ...): top left, top right, bottom left, bottom right.

    `across` and `down` are coordinates in [0, 1]; rows are arcs, and so is the way from the upper row to the lower.
    """
    top_left, top_right, bottom_left, bottom_right = corners
    return slerp(slerp(top_left, top_right, across), slerp(bottom_left, bottom_right, across), down)
