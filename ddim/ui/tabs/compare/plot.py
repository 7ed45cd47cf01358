"""How near the pictures of a comparison come to those of its reference: as a plot's table, and in sentences."""

from collections.abc import Sequence

import pandas as pd

from ddim.diffusion.sampling import BEST_NODE_PLACEMENTS, SampleConfig
from ddim.making.compare import Cell
from ddim.making.nearness import Curve, curves_of, reference_of
from ddim.notation import counted

HARDLY_DIFFERENT = 30  # dB of PSNR: on average, 8 of the 255 levels of a pixel
HIGHEST = 60  # dB: where identical pictures are drawn, too
FRESH_NOISE = (
    "With eta above 0, each number of steps draws fresh noises of its own and leads to other pictures: how near they "
    "come to the reference says little."
)
SOLVERS = {
    **{"ddim": "DDIM", "heun": "Heun", "ab2": "Adams-Bashforth 2", "ab3": "Adams-Bashforth 3"},
    **{"ab4": "Adams-Bashforth 4", "dpmpp2m": "DPM-Solver++ 2M", "unipc": "UniPC"},
}


def curves(cells: Sequence[Cell]) -> pd.DataFrame:
    """Columns evaluations, PSNR, steps, line: a point for each number of steps, but none for the reference itself."""
    all_curves = curves_of(cells)
    points = [
        (point.nfe, min(point.psnr, HIGHEST), point.num_steps, line_of(curve, all_curves))
        for curve in all_curves
        for point in curve.points
    ]
    return pd.DataFrame(points, columns=["evaluations", "PSNR", "steps", "line"])


def line_of(curve: Curve, curves: Sequence[Curve]) -> str:
    """The curve in words: its solver, and weights and guidance where curves differ in them."""
    return ", ".join([SOLVERS[curve.solver], *asked_of(curve, curves)])


def asked_of(curve: Curve, curves: Sequence[Curve]) -> list[str]:
    """Weights and guidance of the curve in words, where curves differ in them."""
    weights = [curve.weights] if len({other.weights for other in curves}) > 1 else []
    return weights + ([f"guidance {curve.guidance:g}"] if len({other.guidance for other in curves}) > 1 else [])


def sentences(cells: Sequence[Cell]) -> str:
    """What the plot shows and what it is measured from, as Markdown; empty if it has no points."""
    curves = [curve for curve in curves_of(cells) if curve.points]
    if not curves:
        return ""
    told = FRESH_NOISE if any(cell.config.eta for cell in cells) else _hardly_different(curves)
    return f"{told}\n\n{_measured_from(cells)}"


def _hardly_different(curves: Sequence[Curve]) -> str:
    """From where on more steps hardly change the pictures."""
    told = []
    for curve in curves:
        too_few = max((point.num_steps for point in curve.points if point.psnr < HARDLY_DIFFERENT), default=0)
        enough = [point.num_steps for point in curve.points if point.num_steps > too_few]
        where = f"from {counted(enough[0], 'step')} on" if enough else f"not in {counted(too_few, 'step')}"
        told.append(f"{line_of(curve, curves)} {where}")
    return f"Hardly different from the reference, by a PSNR of {HARDLY_DIFFERENT} dB or more: {'; '.join(told)}."


def _measured_from(cells: Sequence[Cell]) -> str:
    plan = [(cell.weights, cell.config) for cell in cells]
    best = reference_of(*plan[0], plan)
    several = ["weights"] if len({weights for weights, _ in plan}) > 1 else []
    several += ["species"] if len({config.class_name for _, config in plan}) > 1 else []
    several += ["guidance"] if len({config.guidance for _, config in plan}) > 1 else []
    same = f" with the same {' and '.join(several)}" if several else ""
    better = "" if best.solver == "unipc" else " With UniPC among the solvers, the reference would be a better one."
    return (
        f"All are measured from one reference: the pictures of {SOLVERS[best.solver]} in "
        f"{counted(best.num_steps, 'step')}{same}, the most exact run here. They are near to where ever more steps "
        f"lead, and not quite there.{better} {_nodes([config for _, config in plan])}"
    )


def _nodes(configs: Sequence[SampleConfig]) -> str:
    placements = {config.solver: config.node_placement for config in configs}
    is_best = all(placement == BEST_NODE_PLACEMENTS[solver] for solver, placement in placements.items())
    told = ", ".join(f"{SOLVERS[solver]} {placement}" for solver, placement in placements.items())
    return f"Nodes: {told}, {'the best for each' if is_best else 'as chosen'}."
