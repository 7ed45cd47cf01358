"""The same seeds with different numbers of steps, by different solvers, or with different weights.

A picture of few steps is no stage on the way of many: each number of steps has nodes of its own, so each is sampled
from the start.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ddim.animation import ExportConfig, check_size, enlarge, save_animation
from ddim.images import save_png, to_uint8
from ddim.labelled_grid import labelled_grid
from ddim.noise import noise_from_seeds
from ddim.recipes import recipe_of_file
from ddim.sampling import SampleConfig, sample

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

MAX_SEEDS = 16
MAX_CELLS = 100
FRAMES_PER_SECOND = 2


class Cell(NamedTuple):
    """The pictures (B, H, W, 3) uint8 of all seeds with one number of steps, one solver and one set of weights.

    `nfe` counts the network evaluations so far and `seconds` the time that they took for all pictures together.
    """

    weights: str
    config: SampleConfig
    images: np.ndarray
    nfe: int
    seconds: float

    @property
    def is_finished(self) -> bool:
        return self.nfe == self.config.nfe


def compare(
    models: Mapping[str, "DiffusionModel"],
    seeds: Sequence[int],
    step_counts: Sequence[int],
    solvers: Sequence[str] = ("ddim",),
    **settings: Any,
) -> Iterator[Cell]:
    """Yield each cell as it forms, once a step, and finished at last; then the next, in the order of `plan`.

    One model is the rule; more, by the names of their weights, are compared if their pictures have one size.
    `settings` are the further fields of SampleConfig. Raises ValueError, at the first cell, as `plan` does.
    """
    cells = plan(models, seeds, step_counts, solvers, **settings)
    for model in models.values():
        # A batch of a new size may be compiled first, which is no part of sampling.
        model.engine(noise_from_seeds(seeds, model.image_shape), np.ones(len(seeds), np.float32))
    for name, config in cells:
        seconds, since = 0.0, time.perf_counter()
        for step in sample(models[name], seeds, **asdict(config)):
            seconds += time.perf_counter() - since
            yield Cell(name, config, to_uint8(step.pred_images), step.nfe, seconds)
            since = time.perf_counter()  # what was done with the cell does not count


def plan(
    models: Mapping[str, "DiffusionModel"],
    seeds: Sequence[int],
    step_counts: Sequence[int],
    solvers: Sequence[str] = ("ddim",),
    **settings: Any,
) -> list[tuple[str, SampleConfig]]:
    """Weights and sampling of each cell, fewest evaluations first.

    Raises ValueError for wrong settings, more than 16 seeds or more than 100 cells, and for pictures of several sizes.
    """
    if len({model.image_shape for model in models.values()}) != 1:
        raise ValueError("Weights can be compared if their pictures have one size, but these have several.")
    check_comparison(seeds, step_counts, solvers, len(models))
    cells = [
        (name, model.sample_config(num_steps=count, solver=solver, **settings))
        for count in step_counts
        for solver in solvers
        for name, model in models.items()
    ]
    return sorted(cells, key=lambda cell: cell[1].nfe)


def check_comparison(seeds: Sequence[int], step_counts: Sequence[int], solvers: Sequence[str], num_models: int) -> None:
    """Raise ValueError for more seeds or cells than one comparison has."""
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise ValueError(f"A comparison has 1 to {MAX_SEEDS} seeds, but {len(seeds)} were given.")
    num_cells = len(step_counts) * len(solvers) * num_models
    if not 1 <= num_cells <= MAX_CELLS:
        raise ValueError(f"A comparison has 1 to {MAX_CELLS} rows, but {num_cells} were asked for.")


def psnrs(cells: Sequence[Cell]) -> list[float | None]:
    """How close each cell is to the one with the most steps of its solver and weights: PSNR in dB over all seeds.

    None for that one itself; infinite where all pixels are the same.
    """
    references = {_line(cell): cell for cell in sorted(cells, key=lambda cell: cell.config.num_steps)}
    return [
        None if references[_line(cell)] is cell else psnr(cell.images, references[_line(cell)].images) for cell in cells
    ]


def psnr(images: np.ndarray, references: np.ndarray) -> float:
    """Peak signal-to-noise ratio of pictures uint8, in dB: 20 differ plainly, 40 hardly."""
    mean_square = np.mean((images.astype(np.float64) - references) ** 2)
    return float(20 * np.log10(255) - 10 * np.log10(mean_square)) if mean_square else float("inf")


def grid_of(cells: Sequence[Cell], seeds: Sequence[int], export: ExportConfig) -> np.ndarray:
    """A labelled picture (H, W, 3) uint8 of finished cells: a row each, in this order, and a column for each seed."""
    images = np.stack([_enlarged(cell, export) for cell in cells])
    return labelled_grid(images, [_label(cell, cells) for cell in cells], _column_labels(seeds))


def frames_of(cells: Sequence[Cell], seeds: Sequence[int], export: ExportConfig) -> np.ndarray:
    """Labelled frames (F, H, W, 3) uint8, one for each number of steps, the fewest first; rows as far as they differ.

    All cells of a comparison must be there. The frames are enlarged already.
    """
    images = {(cell.config.num_steps, _line(cell)): _enlarged(cell, export) for cell in cells}
    counts, lines = sorted({count for count, _ in images}), sorted({_line(cell) for cell in cells})
    labels = {count: ["\n".join([counted(count, "step"), solver, name]) for name, solver in lines] for count in counts}
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


def playback(**settings: Any) -> ExportConfig:
    """An ExportConfig with these settings, and slow enough to look at each frame unless told otherwise."""
    return ExportConfig(**{"frames_per_second": FRAMES_PER_SECOND, **settings})


def save_comparison(
    path: str | Path, cells: Sequence[Cell], seeds: Sequence[int], export: ExportConfig, recipe: dict[str, Any]
) -> None:
    """Write all finished cells: as a labelled grid into a PNG, frame by frame into any other kind of file.

    Raises ValueError as `check_file` does.
    """
    check_file(path, [cell.config.num_steps for cell in cells], len(cells), cells[0].images.shape, export)
    if Path(path).suffix.lower() == ".png":
        save_png(path, grid_of(cells, seeds, export), recipe)
    else:
        save_animation(path, frames_of(cells, seeds, export), replace(export, factor=1), recipe)


def check_file(
    path: str | Path, step_counts: Sequence[int], num_cells: int, shape: tuple[int, ...], export: ExportConfig
) -> None:
    """Raise ValueError if cells with pictures of this shape (B, H, W, 3) make no file of this name."""
    num_images, height, width, _ = shape
    num_frames = 1 if Path(path).suffix.lower() == ".png" else len(set(step_counts))
    check_size(path, num_frames, num_cells // num_frames * height, num_images * width, export)


def recipe_of_comparison(
    models: Mapping[str, "DiffusionModel"],
    seeds: Sequence[int],
    step_counts: Sequence[int],
    solvers: Sequence[str],
    **settings: Any,
) -> dict[str, Any]:
    """What makes the comparison again: as for one picture, with lists where there are several."""
    (_, model), *others = models.items()
    config = model.sample_config(num_steps=step_counts[0], solver=solvers[0], **settings)
    against = [{"weights": name, "sha256": other.card.get("sha256")} for name, other in others]
    lists = {"num_steps": list(step_counts), "solvers": list(solvers), "against": against}
    recipe = recipe_of_file("compare", model, config, seeds) | lists
    del recipe["solver"]
    return recipe


def _line(cell: Cell) -> tuple[str, str]:
    """What cells have in common that lie on one curve."""
    return cell.weights, cell.config.solver


def _enlarged(cell: Cell, export: ExportConfig) -> np.ndarray:
    return np.stack([enlarge(image, export) for image in cell.images])


def _label(cell: Cell, cells: Sequence[Cell]) -> str:
    weights = [cell.weights] if len({other.weights for other in cells}) > 1 else []
    steps, evaluations = counted(cell.config.num_steps, "step"), counted(cell.nfe, "evaluation")
    return "\n".join([steps, cell.config.solver, f"{evaluations}, {cell.seconds:.2f} s", *weights])


def _column_labels(seeds: Sequence[int]) -> list[str]:
    return [f"seed {seed}" for seed in seeds]


def counted(number: int, noun: str) -> str:
    """1 step, 2 steps."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
