"""The same seeds with different numbers of steps, by different solvers, with different weights, guidance or classes.

A picture made in few steps is not a stage on the way to one made in many: each number of steps has its own nodes, so
each is sampled from the start.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ddim.diffusion.sampling import NodePlacement, SampleConfig, SolverName
from ddim.errors import UserError
from ddim.making.generate import sample
from ddim.media.animation import ExportConfig, check_size, enlarge, save_animation
from ddim.media.images import save_png, to_uint8
from ddim.media.labelled_grid import labelled_grid
from ddim.model.diffusion_model import DiffusionModel
from ddim.notation import counted

MAX_SEEDS = 16
MAX_CELLS = 100
PLAYBACK = ExportConfig(frames_per_second=2)
"""How a comparison plays unless told otherwise: slowly enough to look at each frame."""


class Contender(NamedTuple):
    """Weights to compare, and how they are sampled, except for number of steps and solver."""

    model: DiffusionModel
    config: SampleConfig


@dataclass(frozen=True)
class Comparison:
    """What is compared: every seed with every number of steps, solver, set of weights, guidance and class.

    Attributes:
        contenders: By the names of their weights; usually one.
        seeds: 1 to 16.
        step_counts: Numbers of steps.
        solvers: Names of solvers.
        guidances: Strengths of guidance; without any, and for weights without classes, that of the contenders.
        class_names: Classes, such as species; likewise.
        node_placements: By solver, where it places its nodes; without it, as the contenders do.
    """

    contenders: Mapping[str, Contender]
    seeds: Sequence[int]
    step_counts: Sequence[int]
    solvers: Sequence[SolverName] = ("ddim",)
    guidances: Sequence[float] = ()
    class_names: Sequence[str] = ()
    node_placements: Mapping[str, NodePlacement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({model.image_shape for model, _ in self.contenders.values()}) != 1:
            raise UserError("Weights can be compared if their pictures have one size, but these have several.")
        num_contenders = len(self.contenders) * max(1, len(self.guidances)) * max(1, len(self.class_names))
        check_comparison(self.seeds, self.step_counts, self.solvers, num_contenders)

    def plan(self) -> list[tuple[str, SampleConfig]]:
        """Weights and sampling of each cell, fewest evaluations first. Raises UserError as SampleConfig does."""
        cells = [
            (name, replace(self._sampling(solver, config), num_steps=count, guidance=guidance, class_name=class_name))
            for count in self.step_counts
            for solver in self.solvers
            for name, (model, config) in self.contenders.items()
            for guidance in (model.classes and self.guidances) or (config.guidance,)
            for class_name in (model.classes and self.class_names) or (config.class_name,)
        ]
        return sorted(cells, key=lambda cell: cell[1].nfe)

    def _sampling(self, solver: SolverName, config: SampleConfig) -> SampleConfig:
        placement = self.node_placements.get(solver, config.node_placement)
        return replace(config, solver=solver, node_placement=placement)


def check_comparison(
    seeds: Sequence[int], step_counts: Sequence[int], solvers: Sequence[str], num_contenders: int
) -> None:
    """Raise UserError for more seeds or cells than a comparison can have.

    `num_contenders` counts everything but steps and solvers: weights, each with every guidance and class.
    """
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise UserError(f"A comparison has 1 to {MAX_SEEDS} seeds, but {len(seeds)} were given.")
    num_cells = len(step_counts) * len(solvers) * num_contenders
    if not 1 <= num_cells <= MAX_CELLS:
        raise UserError(f"A comparison has 1 to {MAX_CELLS} rows, but {num_cells} were asked for.")


class Cell(NamedTuple):
    """The pictures (B, H, W, 3) uint8 of all seeds with one set of weights and one way to sample.

    `nfe` counts the network evaluations so far and `seconds` the time that they took for all pictures together, None
    where it was not taken.
    """

    weights: str
    config: SampleConfig
    images: np.ndarray
    nfe: int
    seconds: float | None = None

    @property
    def is_finished(self) -> bool:
        """Whether all evaluations are done."""
        return self.nfe == self.config.nfe


def compare(comparison: Comparison) -> Iterator[Cell]:
    """Yield each cell as it forms, once per step until it is finished; then the next, in the order of the plan."""
    cells, seeds = comparison.plan(), comparison.seeds
    for name, looks in {(name, config.guidance_nfe) for name, config in cells}:
        # A batch of a new size may be compiled first, which is not part of sampling.
        comparison.contenders[name].model.warm_up(looks * len(seeds))
    for name, config in cells:
        seconds, since = 0.0, time.perf_counter()
        for step in sample(comparison.contenders[name].model, seeds, config):
            seconds += time.perf_counter() - since
            yield Cell(name, config, to_uint8(step.pred_images), step.nfe, seconds)
            since = time.perf_counter()  # what was done with the cell does not count


def grid_of(cells: Sequence[Cell], seeds: Sequence[int], export: ExportConfig) -> np.ndarray:
    """A labelled picture (H, W, 3) uint8 of finished cells: a row for each, in this order, and a column per seed."""
    images = np.stack([_enlarged(cell, export) for cell in cells])
    return labelled_grid(images, [_label(cell, cells) for cell in cells], _column_labels(seeds))


def frames_of(cells: Sequence[Cell], seeds: Sequence[int], export: ExportConfig) -> np.ndarray:
    """Labelled frames (F, H, W, 3) uint8, one for each number of steps, the fewest first.

    Rows are all else that is compared. All cells of a comparison must be there. The frames are enlarged already.
    """
    images = {(cell.config.num_steps, _line(cell)): _enlarged(cell, export) for cell in cells}
    counts, lines = sorted({count for count, _ in images}), sorted({_line(cell) for cell in cells})
    labels = {
        count: ["\n".join([counted(count, "step"), solver, name, *asked]) for name, solver, *asked in lines]
        for count in counts
    }
    return np.stack(
        [
            labelled_grid(
                np.stack([images[count, line] for line in lines]),
                labels[count],
                _column_labels(seeds),
                room_for=[label for frame_labels in labels.values() for label in frame_labels],
            )
            for count in counts
        ]
    )


def save_comparison(
    path: str | Path, cells: Sequence[Cell], seeds: Sequence[int], export: ExportConfig, recipe: Mapping[str, Any]
) -> None:
    """Write all finished cells: as a labelled grid into a PNG, frame by frame into any other kind of file.

    `recipe` is the JSON that goes inside. Raises UserError as `check_file` does.
    """
    check_file(path, [cell.config.num_steps for cell in cells], len(cells), cells[0].images.shape, export)
    if Path(path).suffix.lower() == ".png":
        save_png(path, grid_of(cells, seeds, export), recipe)
    else:
        save_animation(path, frames_of(cells, seeds, export), replace(export, factor=1), recipe)


def check_file(
    path: str | Path, step_counts: Sequence[int], num_cells: int, shape: tuple[int, ...], export: ExportConfig
) -> None:
    """Raise UserError if cells with pictures of this shape (B, H, W, 3) cannot become a file of this name."""
    num_images, height, width, _ = shape
    num_frames = 1 if Path(path).suffix.lower() == ".png" else len(set(step_counts))
    check_size(path, num_frames, num_cells // num_frames * height, num_images * width, export)


def _line(cell: Cell) -> tuple[str, ...]:
    """What cells on one curve have in common, in words: weights, solver, and what they are asked for."""
    return cell.weights, cell.config.solver, *asked_for(cell.config)


def asked_for(config: SampleConfig) -> list[str]:
    """Class and guidance in words; nothing where they are left alone."""
    guidance = [f"guidance {config.guidance:g}"] if config.guidance != 1 else []
    return [*([config.class_name] if config.class_name else []), *guidance]


def _enlarged(cell: Cell, export: ExportConfig) -> np.ndarray:
    return np.stack([enlarge(image, export) for image in cell.images])


def _label(cell: Cell, cells: Sequence[Cell]) -> str:
    weights = [cell.weights] if len({other.weights for other in cells}) > 1 else []
    steps, evaluations = counted(cell.config.num_steps, "step"), counted(cell.nfe, "evaluation")
    effort = evaluations if cell.seconds is None else f"{evaluations}, {cell.seconds:.2f} s"
    details = [cell.config.solver, effort, *weights, *asked_for(cell.config)]
    return "\n".join([steps, *details])


def _column_labels(seeds: Sequence[int]) -> list[str]:
    return [f"seed {seed}" for seed in seeds]
