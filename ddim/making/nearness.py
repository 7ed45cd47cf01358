"""How near the pictures of a comparison come to where their steps lead, all solvers measured from one reference.

With ever more steps all solvers end at the same picture of a seed, if none of them adds noise. The best stand-in for it
among the pictures of a comparison is the longest run of the solver that comes nearest to it in as many steps.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ddim.diffusion.sampling import SampleConfig, SolverName
from ddim.making.compare import Cell

MOST_EXACT_LAST: Sequence[SolverName] = ("heun", "ddim", "dpmpp2m", "ab3", "ab4", "ab2", "unipc")
"""By their nearness in 20 steps to 80 steps of UniPC, with the shipped weights, each on its best nodes."""


class Point(NamedTuple):
    """How near one number of steps comes: PSNR in dB over all its pictures; infinite where all pixels are the same."""

    num_steps: int
    nfe: int
    psnr: float


class Curve(NamedTuple):
    """How near one solver comes, the fewest steps first, with these weights and this guidance.

    All classes are taken together, each measured from its own reference.
    """

    weights: str
    solver: SolverName
    guidance: float
    points: Sequence[Point]


def reference_of(weights: str, config: SampleConfig, plan: Sequence[tuple[str, SampleConfig]]) -> SampleConfig:
    """How the pictures are sampled that a cell is measured from: they have its weights, class and guidance."""
    alike = [
        other
        for name, other in plan
        if (name, other.class_name, other.guidance) == (weights, config.class_name, config.guidance)
    ]
    return max(alike, key=lambda other: (MOST_EXACT_LAST.index(other.solver), other.num_steps))


def curves_of(cells: Sequence[Cell]) -> list[Curve]:
    """A curve for each solver, set of weights and guidance, without the cells that the others are measured from."""
    plan = [(cell.weights, cell.config) for cell in cells]
    images = {(cell.weights, cell.config): cell.images for cell in cells}
    errors: dict[tuple[str, SolverName, float], dict[tuple[int, int], list[float]]] = {}
    for cell in cells:
        reference = reference_of(cell.weights, cell.config, plan)
        of_line = errors.setdefault((cell.weights, cell.config.solver, cell.config.guidance), {})
        if reference != cell.config:
            error = mean_square_error(cell.images, images[cell.weights, reference])
            of_line.setdefault((cell.config.num_steps, cell.nfe), []).append(error)
    return [
        Curve(*line, [Point(*count, psnr(float(np.mean(of_count)))) for count, of_count in sorted(of_line.items())])
        for line, of_line in errors.items()
    ]


def mean_square_error(images: np.ndarray, references: np.ndarray) -> float:
    """Of uint8 pictures, on their scale of 0 to 255."""
    return float(np.mean((images.astype(np.float64) - references) ** 2))


def psnr(mean_square_error: float) -> float:
    """Peak signal-to-noise ratio of uint8 pictures, in dB: at 20 they differ plainly, at 40 hardly."""
    return 20 * math.log10(255) - 10 * math.log10(mean_square_error) if mean_square_error else math.inf


def steps_as_near(curve: Curve, psnr: float) -> float:
    """From how many steps on a curve stays at least as near as this PSNR, between its points even in their logarithm.

    0 where its fewest steps are as near already, infinite where its most are not.
    """
    farther = [place for place, point in enumerate(curve.points) if point.psnr < psnr]
    if not farther:
        return 0
    before, *following = curve.points[farther[-1] :]
    if not following:
        return math.inf
    after = following[0]
    way = (psnr - before.psnr) / (after.psnr - before.psnr) if after.psnr < math.inf else 1.0
    return float(before.num_steps * (after.num_steps / before.num_steps) ** way)
