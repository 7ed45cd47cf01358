"""Pictures that form before a visitor's eyes."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from ddim.diffusion.sampling import Step
from ddim.media.images import grid, to_pil, to_uint8
from ddim.ui.gradio_cache import save_sheet

SECONDS_BETWEEN_VIEWS = 0.1
SHEET_SIDE = 768

Drawn = TypeVar("Drawn")
Item = TypeVar("Item")


class Moment(NamedTuple, Generic[Drawn]):
    """A step as a visitor sees it: what was drawn of it or of one before, and how far it has got, as HTML."""

    step: Step
    drawn: Drawn
    progress: str


def follow(steps: Iterator[Step], num_steps: int, draw: Callable[[Step], Drawn]) -> Iterator[Moment[Drawn]]:
    """Yield each step with what `draw` makes of it, ten times a second at most.

    In between, the last drawing is repeated. Stop takes effect at a yield, so each step has one.
    """
    for step, is_due in paced(steps, SECONDS_BETWEEN_VIEWS):
        if is_due:
            drawn, told = draw(step), progress(step.index + 1, num_steps)
        yield Moment(step, drawn, told)


def paced(items: Iterable[Item], seconds: float) -> Iterator[tuple[Item, bool]]:
    """Yield each item, and whether it is time to draw it: at first, and then this many seconds after the last time."""
    next_time = 0.0
    for item in items:
        is_due = time.monotonic() >= next_time
        if is_due:
            next_time = time.monotonic() + seconds
        yield item, is_due


def progress(done: int, num_steps: int) -> str:
    """How far the work has got, as HTML."""
    return f'Step {done} of {num_steps} <progress max="{num_steps}" value="{done}"></progress>'


def sheet_of(images: np.ndarray, columns: int | None = None) -> str:
    """Pictures (B, H, W, C) on the pixel scale [0, 1] side by side, as a file.

    It is made smaller by a whole factor if it has more than 768 pixels to a side.
    """
    sheet = to_pil(grid(to_uint8(images), columns))
    return save_sheet(sheet.reduce(-(-max(sheet.size) // SHEET_SIDE)))


def sheet_of_step(step: Step, columns: int) -> str:
    """What the network sees in a step, made into a file by `sheet_of`."""
    return sheet_of(step.pred_images, columns)
