"""What a comparison of solvers comes to, in a sentence: how many steps of one are worth how many of another."""

import math
from collections.abc import Sequence
from itertools import groupby

from ddim.diffusion.sampling import SampleConfig
from ddim.making.compare import Cell
from ddim.making.nearness import MOST_EXACT_LAST, Curve, curves_of, steps_as_near
from ddim.notation import counted
from ddim.ui.tabs.compare.plot import SOLVERS, asked_of

CANNOT_SAY = "One number of steps does not tell how many steps of one solver are worth how many of another."


def verdict(cells: Sequence[Cell]) -> str:
    """The most exact solver beside each other one; empty if there is only one solver."""
    curves = curves_of(cells)
    told = []
    for _, group in groupby(sorted(curves, key=_group_of), key=_group_of):
        *others, leader = sorted(group, key=lambda curve: MOST_EXACT_LAST.index(curve.solver))
        asked = asked_of(leader, curves)
        told += [(f"with {', '.join(asked)}, " if asked else "") + _beside(leader, other) for other in others]
    return " ".join(one[0].upper() + one[1:] for one in dict.fromkeys(told))


def _group_of(curve: Curve) -> tuple[str, float]:
    return curve.weights, curve.guidance


def _beside(leader: Curve, other: Curve) -> str:
    """How `leader`, whose longest run is the reference, stands to `other`; between the steps of that, interpolated."""
    if not leader.points:
        return CANNOT_SAY
    worth = [(point.num_steps, steps_as_near(other, point.psnr)) for point in leader.points]
    equal = [(steps, others) for steps, others in worth if 0 < others < math.inf]
    farther = [steps for steps, others in worth if others == 0]
    nearer = [steps for steps, others in worth if others == math.inf]
    fewest, most = _in_steps(other, other.points[0].num_steps), _in_steps(other, other.points[-1].num_steps)
    if equal:
        steps, others = equal[-1]
        about = "" if others in {point.num_steps for point in other.points} else "about "
        matched = _in_steps(other, round(others), about)
        further = [more for more in nearer if more > steps]
        more = f"; in {further[0]}, it is nearer than {most}" if further else ""
        return f"{_in_steps(leader, steps)} is as near to the reference as {matched}{more}."
    if not farther:
        return f"{_in_steps(leader, nearer[0])} is nearer to the reference than {most}."
    if not nearer:
        return f"{fewest} is as near to the reference as {_in_steps(leader, farther[-1])}, or nearer."
    overtaken = f"{_in_steps(leader, farther[-1])} is no nearer to the reference than {fewest}"
    return f"{overtaken}, in {nearer[0]} it is nearer than {most}: more numbers of steps would tell where they meet."


def _in_steps(curve: Curve, num_steps: int, about: str = "") -> str:
    """The solver with a number of steps; with Heun, whose steps cost more, with its evaluations too."""
    nfe = SampleConfig(num_steps=num_steps, solver=curve.solver, guidance=curve.guidance).nfe
    evaluations = f" ({counted(nfe, 'evaluation')})" if curve.solver == "heun" else ""
    return f"{SOLVERS[curve.solver]} in {about}{counted(num_steps, 'step')}{evaluations}"
