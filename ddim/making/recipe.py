"""Recipes: what makes a picture, or a file of pictures, again. Every file holds its own as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

from ddim.configuration import given
from ddim.diffusion.noise import seed_range
from ddim.diffusion.sampling import NodePlacement, SampleConfig
from ddim.errors import UserError
from ddim.making.compare import Comparison
from ddim.making.generate import MAX_NUM_IMAGES
from ddim.making.plane import Place, places_of_plane
from ddim.making.walk import WalkConfig, places_of_walk
from ddim.model.diffusion_model import DiffusionModel
from ddim.notation import briefly

Command = Literal["sample", "compare", "interpolate", "animate", "plane"]


class Weights(NamedTuple):
    """Weights by their name and checksum; None for those that were never a file."""

    weights: str | None
    sha256: str | None

    @classmethod
    def of(cls, model: DiffusionModel) -> "Weights":
        """Those of this model."""
        return cls(model.card.get("name"), model.card.get("sha256"))

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Weights":
        """Those that a recipe names. Raises UserError where it names none, as recipes of other programs do."""
        if not all(part in told and isinstance(told[part], str | None) for part in cls._fields):
            raise UserError("This was not made here: recipes of ours name weights, and the checksum of these.")
        return cls(told["weights"], told["sha256"])


@dataclass(frozen=True)
class Recipe:
    """What makes a picture, or a file of pictures, again.

    Attributes:
        command: What made it.
        weights: The weights that it was made with.
        config: How it was sampled; for a comparison, with its first number of steps and its first solver.
        seeds: Those of its pictures; for a walk its stops, for a plane its corners. A picture between seeds has none.
        class_names: What stops or corners show, where each has a wish of its own; for a comparison, what it compares.
        is_sheet: Whether it is a sheet of pictures with seeds in a row, rather than one picture by itself.
        place: Where a picture between seeds lies.
        walk: How a walk goes.
        size: How many rows and columns a plane has.
        step_counts: The numbers of steps of a comparison.
        solvers: The solvers of a comparison.
        node_placements: Of those solvers of a comparison that place their nodes otherwise than `config` does.
        guidances: The strengths of guidance that a comparison compares, if it does.
        against: The further weights of a comparison.
    """

    command: Command
    weights: Weights
    config: SampleConfig
    seeds: Sequence[int] = ()
    class_names: Sequence[str | None] = ()
    is_sheet: bool = False
    place: Place | None = None
    walk: WalkConfig | None = None
    size: int = 0
    step_counts: Sequence[int] = ()
    solvers: Sequence[str] = ()
    node_placements: Mapping[str, NodePlacement] = field(default_factory=dict)
    guidances: Sequence[float] = ()
    against: Sequence[Weights] = ()

    @classmethod
    def of_comparison(cls, comparison: Comparison) -> "Recipe":
        """What makes all pictures of a comparison again."""
        (_, first), *others = comparison.contenders.items()
        return cls(
            "compare",
            Weights.of(first.model),
            replace(first.config, num_steps=comparison.step_counts[0], solver=comparison.solvers[0]),
            comparison.seeds,
            comparison.class_names,
            step_counts=comparison.step_counts,
            solvers=comparison.solvers,
            node_placements=comparison.node_placements,
            guidances=comparison.guidances,
            against=[Weights(name, other.model.card.get("sha256")) for name, other in others],
        )

    def pictures(self) -> list["Recipe"]:
        """What makes each picture again by itself; not for a comparison, whose pictures are sampled differently."""
        if self.walk:
            places = places_of_walk(self.seeds, self.walk, self.class_names)
        elif self.command == "plane":
            places = places_of_plane(self.seeds, self.size, self.class_names)
        else:
            return [Recipe("sample", self.weights, self.config, [seed]) for seed in self.seeds]
        return [Recipe("sample", self.weights, self.config, place=place) for place in places]

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads: flat, and with nothing that does not belong to the command."""
        weights, config = self.weights._asdict(), self.config.to_json()
        if self.place:
            return {"command": self.command, **weights, **config, "noise": self.place.to_json()}
        if self.command == "sample":
            num_images = {"num_images": len(self.seeds)} if self.is_sheet else {}
            return {**weights, "seed": int(self.seeds[0]), **config, **num_images}
        more: dict[str, Any] = {}
        match self.command:
            case "interpolate" if self.walk:
                more = asdict(self.walk)
            case "plane":
                more = {"size": self.size}
            case "compare":
                del config["solver"]
                config["num_steps"] = list(self.step_counts)
                against = [other._asdict() for other in self.against]
                more = {"solvers": list(self.solvers), "against": against}
                if self.node_placements:
                    more["node_placements"] = dict(self.node_placements)
                if self.guidances:
                    more["guidances"] = list(self.guidances)
        if self.class_names:
            more["class_names"] = list(self.class_names)
        return {"command": self.command, **weights, "seeds": [int(seed) for seed in self.seeds], **config, **more}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Recipe":
        """The recipe that `to_json` wrote. Raises UserError for anything else."""
        try:
            return cls._from_json(told)
        except UserError:
            raise
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise UserError("This recipe is damaged, or not one of ours.") from error

    @classmethod
    def _from_json(cls, told: Mapping[str, Any]) -> "Recipe":
        weights = Weights.from_json(told)
        command, settings = told.get("command", "sample"), given(SampleConfig, told)
        if command not in get_args(Command):
            raise UserError(f"No recipe here has the command {briefly(command)}.")
        if command == "compare":
            settings |= {"num_steps": told["num_steps"][0], "solver": told["solvers"][0]}
        config = SampleConfig(**settings)
        if "noise" in told:
            return cls(command, weights, config, place=Place.from_json(told["noise"]))
        if command == "sample":
            num_images = told.get("num_images", 1)
            if num_images > MAX_NUM_IMAGES:
                raise UserError(
                    f"One recipe makes 1 to {MAX_NUM_IMAGES} pictures, but this one makes {briefly(num_images)}."
                )
            seeds = seed_range(told["seed"], num_images)
            return cls(command, weights, config, seeds, is_sheet="num_images" in told)
        recipe = cls(command, weights, config, list(told["seeds"]), tuple(told.get("class_names", ())))
        match command:
            case "interpolate":
                return replace(recipe, walk=WalkConfig(**given(WalkConfig, told)))
            case "plane":
                return replace(recipe, size=told["size"])
            case "compare":
                against = [Weights.from_json(other) for other in told["against"]]
                return replace(
                    recipe,
                    step_counts=told["num_steps"],
                    solvers=told["solvers"],
                    node_placements=dict(told.get("node_placements", {})),
                    guidances=told.get("guidances", ()),
                    against=against,
                )
        return recipe
