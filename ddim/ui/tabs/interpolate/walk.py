"""The walk of the tab Interpolate: all its frames as they form, then a film of them."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.events import Dependency

from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate, places_of_walk, playback, strip_columns
from ddim.media.animation import file_name
from ddim.media.images import grid, to_uint8
from ddim.model.diffusion_model import DiffusionModel
from ddim.ui import export, live_view, player, reading, reproduce, run_button
from ddim.ui.gradio_cache import save_picture
from ddim.ui.handlers import PRIVATE
from ddim.ui.limits import check_work
from ddim.ui.models import load_model, suited
from ddim.ui.tabs.interpolate.settings import Controls, read_stops, read_walk


class Walk(NamedTuple):
    """What was made: the film, all its frames side by side, and what of it is kept for export."""

    film: gr.HTML
    frames: gr.Image
    made: gr.State


class View(NamedTuple):
    """What the walk shows: its components, or what they shall hold."""

    frames: Any
    recipe: Any
    film: Any
    status: Any
    made: Any


def lay_out() -> Walk:
    """Lay out the film and its frames."""
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
    run: run_button.RunButton,
    chosen: Controls,
    walk: Walk,
    column: reproduce.Column,
    panel: export.Export,
    runs_dir: str,
) -> tuple[Dependency, reproduce.FirstResult]:
    """Wire, and return the event of a finished walk, and how one that ships with weights is shown."""

    def interpolate_seeds(
        seeds: Any, frames: Any, loop: Any, interpolation: Any, easing: Any, weights: Any, **sampling: Any
    ) -> Iterator[View]:
        """Make a picture for each place of a walk from seed to seed, such as "3,8,21" or "3:rose,8:sunflower", and show
        how they form.
        """
        (stops, class_names), way = read_stops(seeds), read_walk(frames, loop, interpolation, easing)
        num_frames, config = len(places_of_walk(stops, way)), reading.read_config(**sampling)
        columns = strip_columns(num_frames)
        check_work(num_frames, config.nfe, "frames")
        model = load_model(weights, runs_dir)
        config = suited(config, model)
        recipe = Recipe("interpolate", Weights.of(model), config, stops, class_names, walk=way)
        started = time.monotonic()
        shown = View(None, recipe.to_json(), None, "", None)
        draw = partial(live_view.sheet_of_step, columns=columns)
        forming = interpolate(model, stops, way, config, class_names)
        for moment in live_view.follow(forming, config.num_steps, draw):
            yield shown._replace(frames=moment.drawn, status=moment.progress)
        pictures, seconds = to_uint8(moment.step.pred_images), time.monotonic() - started
        evaluations = f"{moment.step.nfe} network evaluations each in {seconds:.1f} seconds."
        yield _finished(recipe, way, pictures)._replace(status=f"{len(pictures)} frames with {evaluations}")

    inputs = {"seeds": chosen.seeds, **chosen.walk, "weights": chosen.weights, **chosen.sampling.fields}
    view = View(walk.frames, column.recipe, walk.film, run.status, walk.made)
    walked = run_button.wire(run, interpolate_seeds, inputs, view, api_name="interpolate")
    export.wire(panel, walk.made)
    holds = [panel.fields["hold_first"], panel.fields["hold_last"]]
    chosen.walk["loop"].change(_holds_of, chosen.walk["loop"], holds, **PRIVATE)
    return walked, reproduce.FirstResult(_first_result, view, run.start)


def _first_result(model: DiffusionModel, recipe: Recipe, pictures: np.ndarray) -> View:
    return _finished(recipe, recipe.walk or WalkConfig(), pictures)


def _finished(recipe: Recipe, way: WalkConfig, pictures: np.ndarray) -> View:
    """What is shown of a finished walk, its pictures (F, H, W, 3) uint8; its status is left as it is."""
    name = file_name("interpolate", recipe.seeds, recipe.config.num_steps, "")
    alt_text = f"A walk through the pictures of the seeds {', '.join(map(str, recipe.seeds))}"
    return View(
        save_picture(grid(pictures, strip_columns(len(pictures))), recipe.to_json(), name),
        recipe.to_json(),
        player.film(pictures, playback(way), alt_text=alt_text),
        gr.skip(),
        export.Made(pictures, recipe, recipe.pictures()),
    )


def _holds_of(loop: bool) -> tuple[float, float]:
    """How long the first and the last frame of the exported film stay, unless the visitor wants otherwise."""
    playing = playback(WalkConfig(loop=loop))
    return playing.hold_first, playing.hold_last
