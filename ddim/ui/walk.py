"""The walk of the tab Interpolate: all its frames as they form, then a film of them."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import gradio as gr

from ddim.images import grid, to_uint8
from ddim.interpolate import WalkConfig, interpolate, places_of, playback, recipe_of_walk, recipes_of_frames
from ddim.sampling import SampleConfig
from ddim.ui import again, controls, export, forming, player
from ddim.ui.interpolate_settings import Settings, read_config, read_stops, read_walk

if TYPE_CHECKING:
    from ddim.model import DiffusionModel


class Walk(NamedTuple):
    """What was made: the film, all its frames side by side, and what of it is kept for export."""

    film: gr.HTML
    frames: gr.Image
    made: gr.State


def lay_out() -> Walk:
    film = player.lay_out()
    frames = gr.Image(
        label="All frames of the walk, row by row",
        alt_text="All frames of the walk, row by row, from the first stop to the last",
        format="png",
        buttons=["download", "fullscreen"],
        interactive=False,
        elem_classes="frames",
    )
    return Walk(film, frames, gr.State(time_to_live=export.SECONDS_KEPT))


def wire(
    run: forming.Run,
    settings: Settings,
    walk: Walk,
    column: again.Again,
    panel: export.Export,
    runs_dir: str | Path,
) -> gr.events.Dependency:
    """Wire, and return the event of a finished walk."""

    def interpolate(
        seeds,
        frames,
        loop,
        interpolation,
        easing,
        weights,
        num_steps,
        solver,
        node_placement,
        min_signal_rate,
        max_signal_rate,
    ):
        """Make a picture for each place of a walk from seed to seed, such as "3,8,21", and show how they form."""
        with controls.errors_shown():
            stops, way = read_stops(seeds), read_walk(frames, loop, interpolation, easing)
            places_of(len(stops), way)
            config = read_config(num_steps, solver, node_placement, min_signal_rate, max_signal_rate)
            model = controls.load_model(weights, runs_dir)
            yield from _show_forming(model, stops, way, config, walk.frames)

    inputs = [settings.seeds, settings.frames, settings.loop, settings.interpolation, settings.easing]
    walked = forming.wire(
        run,
        interpolate,
        [*inputs, *settings.how_to_sample()],
        [walk.frames, column.recipe, walk.film, run.status, walk.made],
        api_name="interpolate",
    )
    export.wire(panel, walk.made, forming.save)
    holds = [panel.hold_first, panel.hold_last]
    settings.loop.change(_holds_of, settings.loop, holds, **controls.PRIVATE)
    return walked


def _show_forming(
    model: "DiffusionModel", stops: tuple[int, ...], walk: WalkConfig, config: SampleConfig, view: gr.Image
) -> Iterator[tuple]:
    """Yield values for all frames, recipe, film, status, and what is kept."""
    recipe, started = recipe_of_walk(model, config, stops, walk), time.monotonic()
    columns = strip_columns(len(places_of(len(stops), walk)))
    steps = interpolate(model, stops, walk, **asdict(config))
    for shown in forming.show(steps, config.num_steps, columns, view):
        yield shown.sheet, recipe, None, shown.progress, None
    frames = to_uint8(shown.step.pred_images)
    alt_text = f"A walk through the pictures of the seeds {', '.join(map(str, stops))}"
    film = player.film(frames, playback(walk), alt_text=alt_text)
    made = forming.Made(frames, recipe, recipes_of_frames(model, config, stops, walk))
    seconds = time.monotonic() - started
    result = f"{len(frames)} frames with {shown.step.nfe} network evaluations each in {seconds:.1f} seconds."
    yield forming.save_picture(grid(frames, columns), recipe, "interpolate", stops), recipe, film, result, made


def strip_columns(num_frames: int) -> int:
    """Columns that make a strip two to five times as wide as high, with as few places left over as can be."""
    widths = [math.ceil(math.sqrt(aspect * num_frames)) for aspect in (2, 5)]
    return min(range(widths[0], widths[1] + 1), key=lambda columns: -num_frames % columns)


def _holds_of(loop: bool) -> tuple[float, float]:
    """How long the first and the last frame of the exported film stay, unless the visitor wants otherwise."""
    playing = playback(WalkConfig(loop=loop))
    return playing.hold_first, playing.hold_last
