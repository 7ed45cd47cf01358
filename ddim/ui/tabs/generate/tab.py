"""The tab Generate: pictures form out of noise while one looks on."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from ddim.making.generate import sample
from ddim.making.recipe import Recipe, Weights
from ddim.media.images import to_uint8
from ddim.ui import controls, history, live_view, presets, reading, reproduce, run_button
from ddim.ui.handlers import PRIVATE
from ddim.ui.limits import check_work
from ddim.ui.models import load_suited
from ddim.ui.settings import Setting, sampling_settings, weights_setting
from ddim.ui.tabs.generate import stage
from ddim.ui.tabs.generate.first_screen import first_screen, opening

INTRODUCTION = (
    "This network has seen nothing but flowers: shown pure noise, it says which flower might be hidden in it. "
    "Each step follows that guess a little way: you see the noise give way or the guess grow sharp, or both side by "
    "side. A seed is a flower: with the same settings it gives the same picture, here and anywhere else."
)

# What the button says: whatever it makes with another seed is new.
NAME_BUTTON = """(num_images, new_seed) => {
    const flowers = num_images === 1 ? "flower" : "flowers";
    return `Generate ${num_images} ${new_seed ? "new " : ""}${flowers}`;
}"""
# In the browser, so that it takes no round trip. The seeds thrown are short enough to be read out to a friend.
THROW_DICE = "() => Math.floor(Math.random() * 1000000)"
DRAW_SEED = f"(seed, new_seed) => new_seed ? ({THROW_DICE})() : seed"
# What was stopped or refused forms no more.
LEAVE = "(forming) => forming && {...forming, forms: false}"


class Controls(NamedTuple):
    """What to generate."""

    seed: gr.Number
    dice: gr.Button
    new_seed: gr.Checkbox
    num_images: gr.Slider
    weights: gr.Dropdown
    sampling: controls.SamplingControls


class View(NamedTuple):
    """What the tab shows: its components, or what they shall hold; the last is kept, and not seen."""

    gallery: Any
    recipe: Any
    forming: Any
    status: Any
    recipe_of_all: Any


def build(runs_dir: str) -> reproduce.Tab:
    """Lay out and wire the tab."""
    first_pictures, first_recipe = first_screen(runs_dir)
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = run_button.lay_out("Generate 16 new flowers")
            guide = gr.Button("How it works", size="sm", elem_classes="guide")
        with gr.Column(elem_classes="settings"):
            chosen = _lay_out_controls(runs_dir)
        settings = {
            "seed": Setting(chosen.seed, partial(reading.read_number, "seed")),
            "new_seed": Setting(chosen.new_seed, reading.read_switch),
            "num_images": Setting(chosen.num_images, partial(reading.read_number, "num_images")),
            "weights": weights_setting(chosen.weights, runs_dir),
            **sampling_settings(chosen.sampling),
        }
        with gr.Column(elem_classes="pictures"):
            gallery, forming = stage.lay_out(first_pictures, opening(runs_dir, first_recipe))
            results = history.lay_out()
        with gr.Column(elem_classes="again"):
            column = reproduce.lay_out("generate", settings, first_recipe)
    view = View(gallery, column.recipe, forming, run.status, gr.State(first_recipe))
    generated = _wire_generation(run, chosen, view, runs_dir)
    reproduce.follow_gallery(view.gallery, view.recipe_of_all, column)
    made = [reproduce.describe_run(generated, column)]
    first = [gallery, column.address, column.snippet, column.recipe]
    return reproduce.Tab(settings, column, made, [run], results, first, guide)


def _wire_generation(run: run_button.RunButton, chosen: Controls, view: View, runs_dir: str) -> Dependency:
    def generate(seed: Any, num_images: Any, weights: Any, **sampling: Any) -> Iterator[View]:
        """Make pictures out of noise and show how they form. Picture i has the seed `seed + i`."""
        seeds, config = reading.read_seeds(seed, num_images), reading.read_config(**sampling)
        check_work(len(seeds), config.nfe)
        model, config = load_suited(weights, runs_dir, config)
        started = time.monotonic()
        drawing = partial(stage.forming, seeds=seeds, is_last=False)
        for moment in live_view.follow(sample(model, seeds, config), config.num_steps, drawing):
            # The finished pictures of before, and their recipe, stay until there are others.
            yield View(gr.skip(), gr.skip(), moment.drawn, moment.progress, gr.skip())
        recipe = Recipe("sample", Weights.of(model), config, seeds, is_sheet=True)
        yield View(
            gallery=controls.captioned(to_uint8(moment.step.pred_images), recipe.pictures()),
            recipe=recipe.to_json(),
            forming=stage.forming(moment.step, seeds, is_last=True),
            status=f"{moment.step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds.",
            recipe_of_all=recipe,
        )

    drawn = run.start.click(None, [chosen.seed, chosen.new_seed], chosen.seed, js=DRAW_SEED, **PRIVATE)
    inputs: dict[str, Component] = {"seed": chosen.seed, "num_images": chosen.num_images}
    inputs |= controls.with_weights_after_eta(chosen.sampling, weights=chosen.weights)
    generated = run_button.wire(run, generate, inputs, view, after=drawn, api_name="generate")
    generated.failure(None, view.forming, view.forming, js=LEAVE, **PRIVATE)
    _wire_seed(run, chosen)
    controls.tell_precision(generated.success, chosen.weights, chosen.sampling.precision, runs_dir)
    return generated


def _wire_seed(run: run_button.RunButton, chosen: Controls) -> None:
    """Wire: a seed that a visitor chose is not replaced by a new one, and the button says what it makes."""
    chosen.dice.click(None, None, [chosen.seed, chosen.new_seed], js=f"() => [({THROW_DICE})(), false]", **PRIVATE)
    chosen.seed.input(None, None, chosen.new_seed, js="() => false", **PRIVATE)
    named = [chosen.num_images, chosen.new_seed]
    for change in (chosen.num_images.change, chosen.new_seed.change):
        change(None, named, run.start, js=NAME_BUTTON, **PRIVATE)


def _lay_out_controls(runs_dir: str) -> Controls:
    with gr.Group():
        with gr.Row(elem_classes="seed"):
            seed = gr.Number(0, **reading.NUMBERS["seed"]._asdict(), precision=0, min_width=120)
            dice = gr.Button("New seed", elem_classes="dice", scale=0)
        new_seed = gr.Checkbox(True, label="New seed every time")
        num_images = controls.slider("num_images", 16)
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, presets.PRESETS)
    return Controls(seed, dice, new_seed, num_images, weights, sampling)
