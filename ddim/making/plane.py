"""Pictures at places between seeds: at one place between two or four, and on the whole plane between four.

There is no fresh noise there (eta is 0): with it, neighbouring pictures would differ by chance, not by their place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from ddim.diffusion.noise import lerp, noise_from_seeds, parse_seeds, seed_plane, slerp
from ddim.diffusion.sampling import SampleConfig, Step
from ddim.errors import UserError
from ddim.making.generate import sample_from
from ddim.model.diffusion_model import DiffusionModel
from ddim.notation import briefly

MAX_PLANE_SIZE = 16

Interpolation = Literal["slerp", "lerp"]
WAYS = {"slerp": slerp, "lerp": lerp}


class Stops(NamedTuple):
    """Seeds to go between, and their classes; without any wish, the latter are empty."""

    seeds: tuple[int, ...]
    class_names: tuple[str | None, ...] = ()

    def first(self, count: int) -> "Stops":
        """The first so many of them."""
        return Stops(self.seeds[:count], self.class_names[:count])

    def written(self) -> str:
        """As people type them: "3,8", or "3:rose,8" where the picture of a seed is to show a class of its own."""
        wishes = self.class_names or [None] * len(self.seeds)
        return ",".join(f"{seed}:{wish}" if wish else str(seed) for seed, wish in zip(self.seeds, wishes, strict=True))


def parse_stops(entries: object, at_least: int, at_most: int) -> Stops:
    """Seeds as for `parse_seeds`, each with a class after a colon if it has a wish of its own: "3:rose, 8:sunflower".

    Raises UserError as `parse_seeds` does.
    """
    if not isinstance(entries, Sequence):  # neither text nor a list: refused as the text it looks like
        entries = str(entries)
    texts = entries.split(",") if isinstance(entries, str) else [str(entry) for entry in entries]
    parts = [text.partition(":") for text in texts if text.strip()]
    seeds = parse_seeds([seed for seed, _, _ in parts], at_least, at_most)
    if not any(wish for _, _, wish in parts):
        return Stops(seeds)
    if len(seeds) != len(parts):
        raise UserError("A class belongs to one seed: write 3:rose,4:rose rather than 3-4:rose.")
    return Stops(seeds, tuple(wish.strip() or None for _, _, wish in parts))


@dataclass(frozen=True)
class Place:
    """A place between seeds, whose noise lies between theirs.

    Attributes:
        seeds: Two, or four as the corners of a plane: top left, top right, bottom left, bottom right.
        coordinates: In [0, 1]: between two seeds, how far from the first to the second; on a plane, across and down.
        interpolation: "slerp" along the sphere that noise lies on; between two seeds also "lerp", straight through it.
        class_names: What the pictures of the seeds show, where each has a wish of its own; between them it is mixed.
    """

    seeds: tuple[int, ...]
    coordinates: tuple[float, ...]
    interpolation: Interpolation = "slerp"
    class_names: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        if (len(self.seeds), len(self.coordinates)) not in ((2, 1), (4, 2)):
            raise UserError(
                "A place lies between 2 seeds with 1 coordinate, or between 4 with 2, but these are "
                f"{len(self.seeds)} seeds and {len(self.coordinates)} coordinates."
            )
        if self.class_names and len(self.class_names) != len(self.seeds):
            raise UserError(
                f"Each seed of a place has a class or none has, but these are {len(self.class_names)} classes "
                f"for {len(self.seeds)} seeds."
            )
        if not all(0 <= coordinate <= 1 for coordinate in self.coordinates):
            raise UserError(f"Coordinates lie between 0 and 1, but these are {briefly(list(self.coordinates))}.")
        if len(self.seeds) == 4 and self.interpolation != "slerp":
            raise UserError(
                f"A plane between seeds has the interpolation 'slerp', but this one has {briefly(self.interpolation)}."
            )
        if self.interpolation not in tuple(WAYS):
            raise UserError(f"interpolation must be slerp or lerp, but is {briefly(self.interpolation)}.")

    @classmethod
    def from_json(cls, noise: Mapping[str, Any]) -> "Place":
        """The place that a recipe's `noise` names: {"seeds", "coordinates", "interpolation"}. Raises UserError."""
        try:
            seeds, coordinates = tuple(noise["seeds"]), tuple(float(number) for number in noise["coordinates"])
            interpolation, class_names = noise["interpolation"], tuple(noise.get("class_names", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError("A place between seeds has seeds, coordinates and interpolation.") from error
        return cls(seeds, coordinates, interpolation, class_names)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "seeds": list(self.seeds),
            "coordinates": list(self.coordinates),
            "interpolation": self.interpolation,
            **({"class_names": list(self.class_names)} if self.class_names else {}),
        }

    def noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """The noise (*shape) float32 there. Raises UserError for what is not a seed."""
        stops = noise_from_seeds(self.seeds, shape)
        if len(self.seeds) == 4:
            return seed_plane(stops, *self.coordinates)
        return WAYS[self.interpolation](*stops, *self.coordinates)

    def class_weights(self, model: DiffusionModel, config: SampleConfig) -> np.ndarray | None:
        """What the picture there shows (num_classes,): a mixture of what those of its seeds do, by the coordinates."""
        wishes = self.class_names or [config.class_name] * len(self.seeds)
        weights = [
            model.class_weights([seed], replace(config, class_name=wish or config.class_name))
            for seed, wish in zip(self.seeds, wishes, strict=True)
        ]
        stops = [of_stop for of_stop in weights if of_stop is not None]
        if not stops:
            return None
        across, down = (*self.coordinates, 0.0)[:2]
        shares = np.outer([1 - down, down], [1 - across, across]).ravel()[: len(self.seeds)]
        mixture: np.ndarray = shares.astype(np.float32) @ np.concatenate(stops)
        return mixture


def sample_at(
    model: DiffusionModel,
    noise: Place | Mapping[str, Any],
    config: SampleConfig | None = None,
    **settings: Any,
) -> Iterator[Step]:
    """Yield a Step for each node, its picture (1, H, W, C) the one at a place, which a recipe's `noise` may name.

    How to sample and its errors are as for `sample`; eta must be 0.
    """
    place = noise if isinstance(noise, Place) else Place.from_json(noise)
    yield from sample_places(model, [place], model.sample_config(config, **settings))


def sample_plane(
    model: DiffusionModel,
    corners: Sequence[int],
    size: int,
    config: SampleConfig | None = None,
    class_names: Sequence[str | None] = (),
    **settings: Any,
) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (size * size, H, W, C) row by row: the plane between four seeds.

    The seeds are the corners: top left, top right, bottom left, bottom right; `class_names` are what their pictures
    show, where each has a wish of its own. How to sample is as for `sample`. Raises UserError, at the first step,
    unless there are 4 seeds, a size from 2 to 16, valid settings and an eta of 0.
    """
    places = places_of_plane(corners, size, class_names)
    yield from sample_places(model, places, model.sample_config(config, **settings))


def places_of_plane(corners: Sequence[int], size: int, class_names: Sequence[str | None] = ()) -> list[Place]:
    """The places of the pictures of a plane with `size` rows and columns, row by row. Raises UserError."""
    if not isinstance(size, int) or not 2 <= size <= MAX_PLANE_SIZE:
        raise UserError(f"A plane has 2 to {MAX_PLANE_SIZE} rows and columns, but {briefly(size)} were asked for.")
    points = [(across / (size - 1), down / (size - 1)) for down in range(size) for across in range(size)]
    return [Place(tuple(corners), point, class_names=tuple(class_names)) for point in points]


def sample_places(model: DiffusionModel, places: Sequence[Place], config: SampleConfig) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (B, H, W, C) those at these places. Raises UserError for eta above 0."""
    check_eta(config)
    noises = np.stack([place.noise(model.image_shape) for place in places])
    weights = [place.class_weights(model, config) for place in places]
    class_weights = np.stack([of_place for of_place in weights if of_place is not None]) if model.classes else None
    yield from sample_from(model, noises, class_weights, config)


def check_eta(config: SampleConfig) -> None:
    """Raise UserError if fresh noise would drown the path between two noises."""
    if config.eta:
        raise UserError(
            f"Between seeds eta must be 0, but is {config.eta}: with fresh noise, neighbours would differ by chance."
        )
