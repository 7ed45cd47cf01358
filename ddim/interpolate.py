"""Walks over the sphere of noises: from the noise of one seed to that of the next, a picture for each place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ddim.animation import MAX_FRAMES, ExportConfig
from ddim.between_seeds import Interpolation, recipe_at, sample_noises, way_between
from ddim.noise import noise_from_seeds
from ddim.options import check_choices
from ddim.recipes import recipe_of_file
from ddim.sampling import SampleConfig, Step

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

MAX_STOPS = 8


@dataclass(frozen=True)
class WalkConfig:
    """How to walk from seed to seed.

    Attributes:
        frames: How many from each seed to the next, 2 or more; 512 on the whole way at most.
        loop: Whether the walk returns to the first seed, so that it can go round and round.
        interpolation: "slerp" follows the sphere that noise lies on, "lerp" cuts through it, where pictures fade.
        easing: "linear" walks evenly, "smooth" slows down at each seed.
    """

    frames: int = 48
    loop: bool = False
    interpolation: Interpolation = "slerp"
    easing: Literal["linear", "smooth"] = "linear"

    def __post_init__(self):
        check_choices(self)
        if not isinstance(self.frames, int) or self.frames < 2:
            raise ValueError(f"frames must be an integer of at least 2, but is {self.frames!r}.")


class Place(NamedTuple):
    """A place of a walk: how far, in [0, 1], on the way between two of the seeds, given by their numbers."""

    start: int
    end: int
    position: float


def places_of(num_seeds: int, walk: WalkConfig) -> list[Place]:
    """All places of a walk; it hits each seed exactly, and ends on the last one or, in a loop, just before the first.

    Raises ValueError for fewer than 2 seeds, more than 8, or more than 512 frames in all.
    """
    if not 2 <= num_seeds <= MAX_STOPS:
        raise ValueError(f"A walk has 2 to {MAX_STOPS} seeds as its stops, but {num_seeds} were given.")
    num_ways = num_seeds if walk.loop else num_seeds - 1
    if num_ways * walk.frames > MAX_FRAMES:
        raise ValueError(
            f"{walk.frames} frames on each of {num_ways} ways between seeds make {num_ways * walk.frames}, but an "
            f"animation has at most {MAX_FRAMES}: up to {MAX_FRAMES // num_ways} frames a way would fit."
        )
    places = []
    for way in range(num_ways):
        arrives = way == num_ways - 1 and not walk.loop
        positions = np.linspace(0, 1, walk.frames, endpoint=arrives)
        if walk.easing == "smooth":
            positions = positions**2 * (3 - 2 * positions)
        places += [Place(way, (way + 1) % num_seeds, float(position)) for position in positions]
    return places


def interpolate(model: "DiffusionModel", seeds: Sequence[int], walk: WalkConfig, **settings: Any) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (F, H, W, C) all frames of the walk; the last step has them finished.

    `settings` are fields of SampleConfig. Raises ValueError, at the first step, as `places_of` and `sample` do, and
    for eta other than 0.
    """
    places = places_of(len(seeds), walk)
    stops = noise_from_seeds(seeds, model.image_shape)
    way = way_between(walk.interpolation)
    noises = np.stack([way(stops[place.start], stops[place.end], place.position) for place in places])
    yield from sample_noises(model, noises, **settings)


def playback(walk: WalkConfig, **settings: Any) -> ExportConfig:
    """An ExportConfig with these settings; a loop, that has no end, holds no frame unless told to."""
    holds = {"hold_first": 0.0, "hold_last": 0.0} if walk.loop else {}
    return ExportConfig(**{**holds, **settings})


def recipe_of_walk(
    model: "DiffusionModel", config: SampleConfig, seeds: Sequence[int], walk: WalkConfig
) -> dict[str, Any]:
    """What makes all frames of a walk again."""
    fields = {"frames": walk.frames, "loop": walk.loop, "interpolation": walk.interpolation, "easing": walk.easing}
    return recipe_of_file("interpolate", model, config, seeds, **fields)


def recipes_of_frames(
    model: "DiffusionModel", config: SampleConfig, seeds: Sequence[int], walk: WalkConfig
) -> list[dict[str, Any]]:
    """What makes each frame of a walk again, as a picture of its own."""
    return [
        recipe_at(model, config, (seeds[place.start], seeds[place.end]), (place.position,), walk.interpolation)
        for place in places_of(len(seeds), walk)
    ]
