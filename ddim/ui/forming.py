"""Pictures that form: how the work is started and stopped, looked at meanwhile, and kept for export."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder

from ddim.animation import ExportConfig, file_name, save_animation
from ddim.images import grid, to_pil, to_uint8
from ddim.sampling import Step
from ddim.ui import controls, sheets

SECONDS_BETWEEN_SHEETS = 0.1
SHEET_SIDE = 768
IDLE = "Ctrl + Enter starts, Esc stops."
WAITING = "Waiting for the network. Just after a start it takes some seconds to load."

SHOW, HIDE = '{__type__: "update", visible: true}', '{__type__: "update", visible: false}'


class Run(NamedTuple):
    """What starts and stops the work, and tells how far it is."""

    button: gr.Button
    stop: gr.Button
    status: gr.HTML


class Shown(NamedTuple):
    """A step as it is shown: a small sheet of its predicted pictures as a file, and how far it is in words."""

    step: Step
    sheet: str
    progress: str


class Made(NamedTuple):
    """Finished pictures (F, H, W, 3) uint8, what makes them again, and what makes each of them."""

    frames: np.ndarray
    recipe: dict[str, Any]
    frame_recipes: list[dict[str, Any]]


def lay_out(label: str) -> Run:
    button = gr.Button(label, variant="primary", size="lg", elem_classes="run-button")
    stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_classes="stop-button")
    return Run(button, stop, gr.HTML(IDLE, elem_classes="status", padding=False))


def wire(
    run: Run,
    make: Callable[..., Iterator[Any]],
    inputs: list[Any],
    outputs: list[Any],
    after: gr.events.Dependency | None = None,
    **options: Any,
) -> gr.events.Dependency:
    """Wire: the button, or what comes `after` it, starts the generator `make`, whose inputs arrive unchecked.

    Returns the event of its end.
    """
    button, stop, status = run
    start = f"() => [{HIDE}, {SHOW}, '{WAITING}']"
    pressed = (after.then if after else button.click)(None, None, [button, stop, status], js=start, **controls.PRIVATE)
    made = pressed.then(
        make,
        inputs,
        outputs,
        preprocess=False,
        show_progress="hidden",
        concurrency_id="engine",
        concurrency_limit=controls.VISITORS_AT_ONCE,
        **options,
    )
    stop.click(None, cancels=made, **controls.PRIVATE)
    made.success(None, None, [button, stop], js=f"() => [{SHOW}, {HIDE}]", **controls.PRIVATE)
    # To the browser what was stopped has failed, and `then` does not follow a failure.
    made.failure(None, None, [button, stop, status], js=f"() => [{SHOW}, {HIDE}, 'Stopped.']", **controls.PRIVATE)
    return made


def show(steps: Iterator[Step], num_steps: int, columns: int, view: gr.Image) -> Iterator[Shown]:
    """Yield each step as `view` shall show it, its pictures in so many columns.

    A sheet is repeated until it is time for another, since Stop takes effect at a yield and each step has one.
    """
    next_sheet = 0.0
    for step in steps:
        if time.monotonic() >= next_sheet:
            next_sheet, sheet = time.monotonic() + SECONDS_BETWEEN_SHEETS, _save_sheet(step, columns)
            view.temp_files.add(sheet)  # of what it is not sent, being stopped, Gradio takes no note itself
        yield Shown(step, sheet, progress(step.index + 1, num_steps))


def save_picture(image: np.ndarray, recipe: dict[str, Any], command: str, seeds: Sequence[int]) -> str:
    """A picture (H, W, 3) uint8 with its recipe as a file of the page, under a telling name."""
    name = file_name(command, seeds, recipe["num_steps"], "")
    return save_pil_to_cache(to_pil(image, recipe), get_upload_folder(), name, "png")


def save(made: Made, folder: Path, suffix: str, config: ExportConfig) -> Path:
    """Write what was made into `folder` under its telling name."""
    path = folder / file_name(made.recipe["command"], made.recipe["seeds"], made.recipe["num_steps"], suffix)
    save_animation(path, made.frames, config, made.recipe, made.frame_recipes)
    return path


def _save_sheet(step: Step, columns: int) -> str:
    sheet = to_pil(grid(to_uint8(step.pred_images), columns))
    return sheets.save(sheet.reduce(-(-max(sheet.size) // SHEET_SIDE)))


def progress(done: int, num_steps: int) -> str:
    """How far the work is, as HTML."""
    return f'Step {done} of {num_steps} <progress max="{num_steps}" value="{done}"></progress>'
