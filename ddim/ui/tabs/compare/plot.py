"""How close the pictures of a comparison come to those with the most steps: as a plot's table, and in a sentence."""

from collections.abc import Sequence

import pandas as pd

from ddim.making.compare import Cell, asked_for, psnrs
from ddim.notation import counted

HARDLY_DIFFERENT = 30  # dB of PSNR: on average, 8 of the 255 levels of a pixel
HIGHEST = 60  # dB: where identical pictures are drawn, too


def curves(cells: Sequence[Cell]) -> pd.DataFrame:
    """Columns evaluations, PSNR, steps, line: a point for each cell, except those that the others are measured from."""
    points = [
        (cell.nfe, min(psnr, HIGHEST), cell.config.num_steps, _line(cell, cells))
        for cell, psnr in zip(cells, psnrs(cells), strict=True)
        if psnr is not None
    ]
    return pd.DataFrame(points, columns=["evaluations", "PSNR", "steps", "line"])


def sentence(cells: Sequence[Cell]) -> str:
    """From where on more steps hardly change the pictures; empty if there is only one number of steps."""
    points, most = curves(cells), max(cell.config.num_steps for cell in cells)
    enough, never = [], []
    for line, of_line in points.groupby("line", sort=False):
        last_that_differs = of_line["steps"][of_line["PSNR"] < HARDLY_DIFFERENT].max()  # NaN where none does
        following = of_line["steps"][~(of_line["steps"] <= last_that_differs)]
        name = f" with {line}" if points["line"].nunique() > 1 else ""
        if following.empty:
            never.append(name)
        else:
            enough.append(f"from {counted(following.min(), 'step')} on{name}")
    sentences = []
    if enough:
        sentences.append(
            f"{' and '.join(enough)}, more of them hardly change the pictures: "
            f"the PSNR to those of {most} steps is {HARDLY_DIFFERENT} dB or more."
        )
    if never:
        sentences.append(
            f"every further step still shows{' and'.join(never)}: "
            f"the PSNR to the pictures of {most} steps is below {HARDLY_DIFFERENT} dB."
        )
    return " ".join(text[0].upper() + text[1:] for text in sentences)


def _line(cell: Cell, cells: Sequence[Cell]) -> str:
    several = len({other.weights for other in cells}) > 1
    return ", ".join([cell.config.solver, *([cell.weights] if several else []), *asked_for(cell.config)])
