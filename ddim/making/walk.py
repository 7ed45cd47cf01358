"""Walks over the sphere of noises: from the noise of one seed to that of the next, a picture for each place."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ddim.configuration import check_choices
from ddim.diffusion.sampling import SampleConfig, Step
from ddim.errors import UserError
from ddim.making.plane import Interpolation, Place, sample_places
from ddim.media.animation import MAX_FRAMES, ExportConfig
from ddim.model.diffusion_model import DiffusionModel
from ddim.notation import briefly

MAX_STOPS = 8
STRIP_ASPECTS = (2, 5)


@dataclass(frozen=True)
class WalkConfig:
    """How to walk from seed to seed.

    Attributes:
        frames: How many from each seed to the next, 2 or more; at most 512 in all.
        loop: Whether the walk returns to the first seed, so that it can go round and round.
        interpolation: "slerp" follows the sphere that noise lies on, "lerp" cuts through it, where pictures fade.
        easing: "linear" walks evenly, "smooth" slows down at each seed.
    """

    frames: int = 48
    loop: bool = False
    interpolation: Interpolation = "slerp"
    easing: Literal["linear", "smooth"] = "linear"

    def __post_init__(self) -> None:
        check_choices(self)
        if not isinstance(self.frames, int) or self.frames < 2:
            raise UserError(f"frames must be an integer of at least 2, but is {briefly(self.frames)}.")


def places_of_walk(stops: Sequence[int], walk: WalkConfig, class_names: Sequence[str | None] = ()) -> list[Place]:
    """All places of a walk between seeds; it visits each, and ends on the last or, in a loop, just before the first.

    `class_names` are the classes of the stops, where each has a wish of its own. Raises UserError for fewer than 2
    seeds, more than 8, or more than 512 frames in all.
    """
    if not 2 <= len(stops) <= MAX_STOPS:
        raise UserError(f"A walk has 2 to {MAX_STOPS} seeds as its stops, but {len(stops)} were given.")
    num_ways = len(stops) if walk.loop else len(stops) - 1
    if num_ways * walk.frames > MAX_FRAMES:
        raise UserError(
            f"{walk.frames} frames on each of {num_ways} legs between seeds make {num_ways * walk.frames}, but an "
            f"animation has at most {MAX_FRAMES}: up to {MAX_FRAMES // num_ways} frames a leg would fit."
        )
    places = []
    for way in range(num_ways):
        ends = (way, (way + 1) % len(stops))
        seeds = tuple(stops[end] for end in ends)
        wishes = tuple(class_names[end] for end in ends) if class_names else ()
        arrives = way == num_ways - 1 and not walk.loop
        positions = np.linspace(0, 1, walk.frames, endpoint=arrives)
        if walk.easing == "smooth":
            positions = positions**2 * (3 - 2 * positions)
        places += [Place(seeds, (float(position),), walk.interpolation, wishes) for position in positions]
    return places


def interpolate(
    model: DiffusionModel,
    stops: Sequence[int],
    walk: WalkConfig,
    config: SampleConfig,
    class_names: Sequence[str | None] = (),
) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (F, H, W, C) all frames of the walk; the last step has them finished.

    Raises UserError, at the first step, as `places_of_walk` does, for what is not a seed, and for eta above 0.
    """
    yield from sample_places(model, places_of_walk(stops, walk, class_names), config)


def playback(walk: WalkConfig) -> ExportConfig:
    """How a walk plays unless told otherwise: a loop, which has no end, holds no frame."""
    return ExportConfig(hold_first=0.0, hold_last=0.0) if walk.loop else ExportConfig()


def strip_columns(num_frames: int) -> int:
    """Columns that make a strip two to five times as wide as high, with as few places left over as possible."""
    narrowest, widest = (math.ceil(math.sqrt(aspect * num_frames)) for aspect in STRIP_ASPECTS)
    return min(range(narrowest, widest + 1), key=lambda columns: -num_frames % columns)
