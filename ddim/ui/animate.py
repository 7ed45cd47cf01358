"""The tab Animate: the reverse diffusion as a film, to be played, stepped through and taken away."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np

from ddim.animate import MAX_IMAGES, PRESETS, animate, check_film, frame_of, inside
from ddim.animation import ExportConfig
from ddim.images import grid, to_uint8
from ddim.number_lists import parse_seeds, written
from ddim.recipes import recipe_of_file
from ddim.sampling import SampleConfig, recipe_of
from ddim.ui import again, controls, export, forming, inside_step, player, recall

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

INTRODUCTION = (
    "A film of pictures on their way out of noise, with a frame for each step: above the pictures as they are, noise "
    "and all, below what the network sees in them. With eta 0 nothing is random but the start; with eta 1 each step "
    "adds fresh noise, and it takes more steps to be rid of it."
)
PLAYER_ID = "animation"


class Settings(NamedTuple):
    """What to animate."""

    seeds: gr.Textbox
    weights: gr.Dropdown
    sampling: controls.SamplingControls


class Pictures(NamedTuple):
    """What was made; the states keep it for export, and the recipe of all of it where `again` may tell of a part."""

    film: gr.HTML
    steps: gr.HTML
    gallery: gr.Gallery
    recipe_of_all: gr.State
    made: gr.State


def build(runs_dir: str | Path) -> again.Tab:
    """Lay out and wire the tab."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = forming.lay_out("Animate")
        with gr.Column(elem_classes="settings"):
            settings = _lay_out_settings(runs_dir)
        recalled = {
            "seeds": recall.Setting(settings.seeds, read_seeds, recall.first_seeds(MAX_IMAGES)),
            "weights": recall.weights_setting(settings.weights, runs_dir),
            **recall.sampling_settings(settings.sampling),
        }
        with gr.Column(elem_classes="pictures"):
            pictures = _lay_out_pictures()
        with gr.Column(elem_classes="again"):
            column = again.lay_out("animate", recalled)
            panel = export.lay_out(ExportConfig())
    animated = _wire_run(run, settings, pictures, column, runs_dir)
    again.follow_gallery(pictures.gallery, pictures.recipe_of_all, _recipe_of_picture, "animate", recalled, column)
    export.wire(panel, pictures.made, forming.save)
    return again.Tab(recalled, column, (again.describe_run(animated, "animate", recalled, column),))


def read_seeds(value: Any) -> str:
    """Seeds as they arrive, text or a list, as text. Raises ValueError for what is no list of 1 to 12 seeds."""
    return written(parse_seeds(value, 1, MAX_IMAGES))


def _wire_run(
    run: forming.Run, settings: Settings, pictures: Pictures, column: again.Again, runs_dir: str | Path
) -> gr.events.Dependency:
    film, steps, gallery, recipe_of_all, made = pictures

    def animate_seeds(
        seeds, num_steps, solver, eta, weights, variance, node_placement, min_signal_rate, max_signal_rate
    ):
        """Film how the pictures of 1 to 12 seeds, such as "7" or "0-5", form out of noise: a frame for each step."""
        with controls.errors_shown():
            numbers = parse_seeds(seeds, 1, MAX_IMAGES)
            config = controls.read_config(
                num_steps, solver, eta, variance, node_placement, min_signal_rate, max_signal_rate
            )
            check_film(numbers, config)
            model = controls.load_model(weights, runs_dir)
            height, width, _ = model.image_shape
            player.check_size(config.num_steps, 2 * height, len(numbers) * width)
            yield from _show_forming(model, numbers, config, film.temp_files)

    sampling = settings.sampling
    animated = forming.wire(
        run,
        animate_seeds,
        [settings.seeds, *sampling[:3], settings.weights, *sampling[3:7]],
        [film, column.recipe, gallery, steps, run.status, recipe_of_all, made],
        api_name="animate",
    )
    controls.tell_precision(animated.success, settings.weights, sampling.precision, runs_dir)
    return animated


def _show_forming(
    model: "DiffusionModel", seeds: Sequence[int], config: SampleConfig, temp_files: set[str]
) -> Iterator[tuple]:
    """Yield values for film, recipe, gallery, view of the steps, status, recipe of all, and what is kept.

    `temp_files` are those that Gradio deletes in time; of what it is not sent, being stopped, it takes no note itself.
    """
    recipe, labels = recipe_of_file("animate", model, config, seeds), [f"seed {seed}" for seed in seeds]
    told = {"unit": "step", "alt_text": f"Noisy pictures, and below what the network sees in them: {', '.join(labels)}"}
    steps, next_still = inside_step.steps_of(config, labels), 0.0
    frames, noises, started = [], [], time.monotonic()
    for step in animate(model, seeds, **asdict(config)):
        frames.append(frame_of(step))
        noises.append(grid(to_uint8(inside(model, step, config).noises), columns=len(seeds)))
        if time.monotonic() >= next_still:
            next_still = time.monotonic() + forming.SECONDS_BETWEEN_SHEETS
            still = player.still(frames[-1], step.index, config.num_steps, **told)
            temp_files.add(still["sheet"]["path"])
            progress = forming.progress(step.index + 1, config.num_steps)
        # Stop takes effect at a yield, so each step has one.
        yield still, recipe, [], steps, progress, recipe, None
    result = f"{step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds."
    made = forming.Made(np.stack(frames), recipe, [])
    film = player.film(made.frames, ExportConfig(), **told)
    temp_files.add(film["sheet"]["path"])
    yield film, recipe, [], steps, result, recipe, made
    # The film plays already while the rest is brought.
    images = controls.captioned(to_uint8(step.pred_images), [recipe_of(model, config, seed) for seed in seeds])
    steps = inside_step.steps_of(config, labels, np.stack(noises))
    temp_files.add(steps["noises"]["sheet"]["path"])
    yield film, recipe, images, steps, result, recipe, made


def _recipe_of_picture(recipe: dict[str, Any], index: int) -> dict[str, Any]:
    """That of one picture, from that of the film."""
    told = {name: value for name, value in recipe.items() if name not in ("command", "seeds")}
    return {**told, "seed": recipe["seeds"][index]}


def _lay_out_settings(runs_dir: str | Path) -> Settings:
    presets = {f"{name.capitalize()}, {preset.num_steps} steps": preset for name, preset in PRESETS.items()}
    with gr.Group():
        seeds = gr.Textbox("0-5", label="Seeds", info=f"1 to {MAX_IMAGES} of them, such as 7 or 3,8,21 or 0-5.")
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, presets)
    return Settings(seeds, weights, sampling)


def _lay_out_pictures() -> Pictures:
    with gr.Column(elem_classes="live"):
        film = player.lay_out(PLAYER_ID)
        steps = inside_step.lay_out(PLAYER_ID)
    gallery = gr.Gallery(
        label="Finished pictures",
        show_label=False,
        format="png",  # lossless, with the recipe inside
        object_fit="contain",
        buttons=["download", "download_all", "fullscreen"],
        interactive=False,
        elem_classes=["gallery", "finished-pictures"],
    )
    return Pictures(film, steps, gallery, gr.State(), gr.State(time_to_live=export.SECONDS_KEPT))
