"""The tab Generate: pictures form out of noise while one looks on."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.components import Component
from gradio.events import Dependency
from PIL import Image

from ddim.diffusion.sampling import Step
from ddim.making.generate import sample
from ddim.making.recipe import Recipe, Weights
from ddim.media import embedded
from ddim.media.images import default_columns, to_uint8
from ddim.model.weights import available, find
from ddim.ui import controls, live_view, reading, reproduce, run_button
from ddim.ui.handlers import PRIVATE
from ddim.ui.limits import check_work
from ddim.ui.models import load_model
from ddim.ui.settings import Setting, sampling_settings, weights_setting

INTRODUCTION = (
    "This network has seen nothing but flowers: shown pure noise, it says which flower might be hidden in it. "
    "Each step follows that guess a little way, so on the left you see the noise give way and on the right the guess "
    "grow sharp. A seed is a flower: with the same settings it gives the same picture, here and anywhere else."
)

# In the browser, so that it takes no round trip. The seeds thrown are short enough to be read out to a friend.
THROW_DICE = "() => Math.floor(Math.random() * 1000000)"
DRAW_SEED = f"(seed, new_seed) => new_seed ? ({THROW_DICE})() : seed"


class Controls(NamedTuple):
    """What to generate."""

    seed: gr.Number
    dice: gr.Button
    new_seed: gr.Checkbox
    num_images: gr.Slider
    weights: gr.Dropdown
    sampling: controls.SamplingControls


class View(NamedTuple):
    """What the tab shows, two sheets and then a gallery: its components, or what they shall hold."""

    gallery: Any = None
    recipe: Any = None
    noisy_images: Any = None
    pred_images: Any = None
    status: Any = None
    live: Any = None
    finished: Any = None
    recipe_of_all: Any = None


def build(runs_dir: str) -> reproduce.Tab:
    """Lay out and wire the tab."""
    first_pictures, first_recipe = first_screen(runs_dir)
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = run_button.lay_out("Generate")
        with gr.Column(elem_classes="settings"):
            chosen = _lay_out_controls(runs_dir)
        settings = {
            "seed": Setting(chosen.seed, partial(reading.read_number, "seed")),
            "num_images": Setting(chosen.num_images, partial(reading.read_number, "num_images")),
            "weights": weights_setting(chosen.weights, runs_dir),
            **sampling_settings(chosen.sampling),
        }
        with gr.Column(elem_classes="pictures"):
            view = _lay_out_pictures(first_pictures)
        with gr.Column(elem_classes="again"):
            column = reproduce.lay_out("generate", settings, first_recipe)
    view = view._replace(recipe=column.recipe, status=run.status, recipe_of_all=gr.State(first_recipe))
    generated = _wire_generation(run, chosen, view, runs_dir)
    reproduce.follow_gallery(view.gallery, view.recipe_of_all, column)
    return reproduce.Tab(settings, column, [reproduce.describe_run(generated, column)])


def _wire_generation(run: run_button.RunButton, chosen: Controls, view: View, runs_dir: str) -> Dependency:
    def generate(seed: Any, num_images: Any, weights: Any, **sampling: Any) -> Iterator[View]:
        """Make pictures out of noise and show how they form. Picture i has the seed `seed + i`."""
        seeds, config = reading.read_seeds(seed, num_images), reading.read_config(**sampling)
        check_work(len(seeds), config.nfe)
        model = load_model(weights, runs_dir)
        recipe = Recipe("sample", Weights.of(model), config, seeds, is_sheet=True)
        forming = {"live": gr.Row(visible=True), "finished": gr.Column(visible=False)}
        shown = View([], recipe.to_json(), recipe_of_all=recipe, **forming)
        started = time.monotonic()
        for moment in live_view.follow(sample(model, seeds, config), config.num_steps, sheets):
            noisy_images, pred_images = moment.drawn
            yield shown._replace(noisy_images=noisy_images, pred_images=pred_images, status=moment.progress)
        noisy_images, pred_images = sheets(moment.step)
        yield shown._replace(
            gallery=controls.captioned(to_uint8(moment.step.pred_images), recipe.pictures()),
            noisy_images=noisy_images,
            pred_images=pred_images,
            status=f"{moment.step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds.",
            live=gr.Row(visible=False),
            finished=gr.Column(visible=True),
        )

    def sheets(step: Step) -> tuple[str, str]:
        """Noisy and predicted pictures as files, since a picture would be written anew at each yield."""
        noisy_images = live_view.sheet_of(step.noisy_images)
        return noisy_images, live_view.sheet_of(step.pred_images)

    drawn = run.start.click(None, [chosen.seed, chosen.new_seed], chosen.seed, js=DRAW_SEED, **PRIVATE)
    inputs: dict[str, Component] = {"seed": chosen.seed, "num_images": chosen.num_images}
    inputs |= controls.with_weights_after_eta(chosen.sampling, weights=chosen.weights)
    generated = run_button.wire(run, generate, inputs, view, after=drawn, api_name="generate")
    chosen.dice.click(None, None, chosen.seed, js=THROW_DICE, **PRIVATE)
    controls.tell_precision(generated.success, chosen.weights, chosen.sampling.precision, runs_dir)
    return generated


def _lay_out_controls(runs_dir: str) -> Controls:
    with gr.Group():
        with gr.Row(elem_classes="seed"):
            seed = gr.Number(0, **reading.NUMBERS["seed"]._asdict(), precision=0, min_width=120)
            dice = gr.Button("New seed", elem_classes="dice", scale=0)
        new_seed = gr.Checkbox(label="New seed every time")
        num_images = controls.slider("num_images", 16)
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, controls.PRESETS)
    return Controls(seed, dice, new_seed, num_images, weights, sampling)


def _lay_out_pictures(first_pictures: list[tuple[Image.Image, str]]) -> View:
    with gr.Row(visible=False, elem_classes="live") as live:
        noisy_images = _sheet_view("Noisy pictures", "The pictures at this step, with the noise that is left in them")
        pred_images = _sheet_view("Predicted pictures", "What the network sees in the noisy pictures at this step")
    with gr.Column() as finished:
        gallery = gr.Gallery(
            first_pictures,
            label="Pictures",
            show_label=False,
            format="png",  # lossless, with the recipe inside
            object_fit="contain",
            buttons=["download", "download_all", "fullscreen"],
            interactive=False,
            elem_classes="gallery",
        )
    return View(gallery, None, noisy_images, pred_images, None, live, finished)


def _sheet_view(label: str, alt_text: str) -> gr.Image:
    return gr.Image(label=label, alt_text=alt_text, format="png", buttons=[], interactive=False)


def first_screen(runs_dir: str) -> tuple[list[tuple[Image.Image, str]], Recipe | None]:
    """Pictures that the weights made beforehand, from the sheet `<name>.png` beside them, and their recipe."""
    for name in available(runs_dir)[:1]:
        path = Path(f"{find(name)}.png")
        if path.is_file():
            recipe = Recipe.from_json(embedded.read(path))
            num_images = len(recipe.seeds)
            columns = default_columns(num_images)
            with Image.open(path) as picture:
                sheet = np.asarray(picture.convert("RGB"))
            size = sheet.shape[1] // columns
            rows = sheet.reshape(-1, size, columns, size, 3).swapaxes(1, 2)
            return controls.captioned(rows.reshape(-1, size, size, 3)[:num_images], recipe.pictures()), recipe
    return [], None
