"""The tab Animate: the reverse diffusion as a film, to be played, stepped through and taken away."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.events import Dependency

from ddim.diffusion.noise import parse_seeds
from ddim.diffusion.sampling import Step
from ddim.making.film import MAX_IMAGES, PRESETS, animate, check_film, frame_of, noises_of, replay
from ddim.making.recipe import Recipe, Weights
from ddim.media.animation import ExportConfig
from ddim.media.images import to_uint8
from ddim.model.diffusion_model import DiffusionModel
from ddim.notation import written_numbers
from ddim.ui import controls, export, gallery, history, live_view, player, reading, reproduce, run_button
from ddim.ui.limits import check_work
from ddim.ui.models import load_model, suited
from ddim.ui.settings import Setting, first_seeds, sampling_settings, weights_setting
from ddim.ui.tabs.animate import inside_step, tour

INTRODUCTION = (
    "A film of pictures on their way out of noise, with a frame for each step: above the pictures as they are, noise "
    "and all, below what the network sees in them. With eta 0 nothing is random but the start; with eta 1 each step "
    "adds fresh noise, and it takes more steps to be rid of it."
)
PLAYER_ID = "animation"


class Controls(NamedTuple):
    """What to animate."""

    seeds: gr.Textbox
    weights: gr.Dropdown
    sampling: controls.SamplingControls


class View(NamedTuple):
    """What the tab shows: its components, or what they shall hold; the last two are kept, and not seen."""

    film: Any
    recipe: Any
    gallery: Any
    steps: Any
    status: Any = None
    recipe_of_all: Any = None
    made: Any = None


def build(runs_dir: str) -> reproduce.Tab:
    """Lay out and wire the tab."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = run_button.lay_out("Animate")
        with gr.Column(elem_classes="settings"):
            chosen = _lay_out_controls(runs_dir)
        settings = {
            "seeds": Setting(chosen.seeds, read_seeds, first_seeds(MAX_IMAGES)),
            "weights": weights_setting(chosen.weights, runs_dir),
            **sampling_settings(chosen.sampling),
        }
        with gr.Column(elem_classes="pictures"):
            view = _lay_out_pictures()
            results = history.lay_out()
        with gr.Column(elem_classes="again"):
            column = reproduce.lay_out("animate", settings)
            panel = export.lay_out(ExportConfig())
    states = {"recipe_of_all": gr.State(), "made": gr.State(time_to_live=export.SECONDS_KEPT)}
    view = view._replace(recipe=column.recipe, status=run.status, **states)
    animated = _wire_run(run, chosen, view, runs_dir)
    reproduce.follow_gallery(view.gallery, view.recipe_of_all, column)
    export.wire(panel, view.made)
    made = [reproduce.describe_run(animated, column)]
    first = [view.film, view.gallery, view.steps, column.address, column.snippet, column.recipe]
    first_results = {"animate": reproduce.FirstResult(_first_result, view, run.start)}
    return reproduce.Tab(settings, column, made, [run.status], results, first, first_results=first_results)


def read_seeds(value: Any) -> str:
    """Seeds as they arrive, text or a list, as text. Raises UserError for what is no list of 1 to 12 seeds."""
    return written_numbers(parse_seeds(value, 1, MAX_IMAGES))


def _wire_run(run: run_button.RunButton, chosen: Controls, view: View, runs_dir: str) -> Dependency:
    def animate_seeds(seeds: Any, weights: Any, **sampling: Any) -> Iterator[View]:
        """Film how the pictures of 1 to 12 seeds, such as "7" or "0-5", form out of noise: a frame for each step."""
        numbers, config = parse_seeds(seeds, 1, MAX_IMAGES), reading.read_config(**sampling)
        check_film(numbers, config)
        check_work(len(numbers), config.nfe)
        model = load_model(weights, runs_dir)
        config = suited(config, model)
        height, width, _ = model.image_shape
        player.check_size(config.num_steps, 2 * height, len(numbers) * width)
        recipe = Recipe("animate", Weights.of(model), config, numbers)
        frames: list[np.ndarray] = []
        noises: list[np.ndarray] = []

        def filmed() -> Iterator[Step]:
            for step in animate(model, numbers, config):
                frames.append(frame_of(step))
                noises.append(noises_of(model, step))
                yield step

        def still(step: Step) -> dict[str, Any]:
            return player.still(frames[-1], step.index, config.num_steps, **_about(numbers))

        steps = inside_step.steps_of(config, _labels(numbers))
        shown = View(None, recipe.to_json(), [], steps, recipe_of_all=recipe)
        started = time.monotonic()
        for moment in live_view.follow(filmed(), config.num_steps, still):
            yield shown._replace(film=moment.drawn, status=moment.progress)
        made = export.Made(np.stack(frames), recipe, [])
        shown = shown._replace(
            film=player.film(made.frames, ExportConfig(), **_about(numbers)),
            status=f"{moment.step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds.",
            made=made,
        )
        yield shown
        # The film plays already while the rest is brought.
        yield _completed(shown, recipe, to_uint8(moment.step.pred_images), noises)

    inputs = {"seeds": chosen.seeds, **controls.with_weights_after_eta(chosen.sampling, weights=chosen.weights)}
    animated = run_button.wire(run, animate_seeds, inputs, view, api_name="animate")
    controls.tell_precision(animated.success, chosen.weights, chosen.sampling.precision, runs_dir)
    return animated


def _first_result(model: DiffusionModel, recipe: Recipe, pictures: np.ndarray) -> View:
    """What is shown of guesses; the noise is told from them nearly, which is not enough for a file to be taken away."""
    steps = list(replay(model, recipe, pictures))
    film = player.film(np.stack([frame_of(step) for step in steps]), ExportConfig(), **_about(recipe.seeds))
    shown = View(film, recipe.to_json(), None, None, gr.skip(), recipe)
    return _completed(shown, recipe, pictures[-len(recipe.seeds) :], [noises_of(model, step) for step in steps])


def _completed(shown: View, recipe: Recipe, finished: np.ndarray, noises: Sequence[np.ndarray]) -> View:
    """With what is brought after the film: finished pictures (B, H, W, 3) uint8 and the noise of each step."""
    steps = inside_step.steps_of(recipe.config, _labels(recipe.seeds), player.sheet(np.stack(noises)))
    return shown._replace(gallery=controls.captioned(finished, recipe.pictures()), steps=steps)


def _about(seeds: Sequence[int]) -> dict[str, str]:
    """What a player says of the film of these seeds."""
    alt_text = f"Noisy pictures, and below what the network sees in them: {', '.join(_labels(seeds))}"
    return {"unit": "step", "alt_text": alt_text}


def _labels(seeds: Sequence[int]) -> list[str]:
    return [f"seed {seed}" for seed in seeds]


def _lay_out_controls(runs_dir: str) -> Controls:
    presets = {f"{name.capitalize()}, {preset.num_steps} steps": preset for name, preset in PRESETS.items()}
    with gr.Group():
        seeds = gr.Textbox("0-5", label="Seeds", info=f"1 to {MAX_IMAGES} of them, such as 7 or 3,8,21 or 0-5.")
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, presets)
    return Controls(seeds, weights, sampling)


def _lay_out_pictures() -> View:
    with gr.Column(elem_classes="live"):
        tour.lay_out(PLAYER_ID)
        film = player.lay_out(PLAYER_ID)
        steps = inside_step.lay_out(PLAYER_ID)
    finished = gallery.lay_out([], "Finished pictures", ["finished-pictures"])
    return View(film, None, finished, steps)
