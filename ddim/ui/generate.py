"""The tab Generate: pictures form out of noise while one looks on."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from ddim import checkpoints
from ddim.images import default_columns, grid, read_recipe, to_pil, to_uint8
from ddim.sampling import SampleConfig, Step, recipe_of, sample
from ddim.ui import again, controls, forming, recall, sheets

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

INTRODUCTION = (
    "This network has seen nothing but flowers: shown pure noise, it says which flower might be hidden in it. "
    "Each step follows that guess a little way, so on the left you see the noise give way and on the right the guess "
    "grow sharp. A seed is a flower: with the same settings it gives the same picture, here and anywhere else."
)

# In the browser, so that it takes no round trip. The seeds thrown are short enough to be read out to a friend.
THROW_DICE = "() => Math.floor(Math.random() * 1000000)"
DRAW_SEED = f"(seed, new_seed) => new_seed ? ({THROW_DICE})() : seed"


class Settings(NamedTuple):
    """What to generate."""

    seed: gr.Number
    dice: gr.Button
    new_seed: gr.Checkbox
    num_images: gr.Slider
    weights: gr.Dropdown
    sampling: controls.SamplingControls


class Pictures(NamedTuple):
    """What was generated: two sheets while it forms, then a gallery."""

    live: gr.Row
    noisy_images: gr.Image
    pred_images: gr.Image
    finished: gr.Column
    gallery: gr.Gallery


class Page(NamedTuple):
    """All of the tab; the state holds the recipe of all pictures, where `again` may tell of one."""

    run: forming.Run
    settings: Settings
    pictures: Pictures
    again: again.Again
    recipe_of_all: gr.State


def build(runs_dir: str | Path) -> again.Tab:
    """Lay out and wire the tab."""
    first_pictures, first_recipe = first_screen(runs_dir)
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = forming.lay_out("Generate")
        with gr.Column(elem_classes="settings"):
            settings = _lay_out_settings(runs_dir)
        recalled = {
            "seed": recall.Setting(settings.seed, partial(controls.read_number, "seed")),
            "num_images": recall.Setting(settings.num_images, partial(controls.read_number, "num_images")),
            "weights": recall.weights_setting(settings.weights, runs_dir),
            **recall.sampling_settings(settings.sampling),
        }
        with gr.Column(elem_classes="pictures"):
            pictures = _lay_out_pictures(first_pictures)
        with gr.Column(elem_classes="again"):
            column = again.lay_out("generate", recalled, first_recipe)
    page = Page(run, settings, pictures, column, gr.State(first_recipe))
    generated = _wire_generation(page, runs_dir)
    again.follow_gallery(pictures.gallery, page.recipe_of_all, _recipe_of_picture, "generate", recalled, column)
    return again.Tab(recalled, column, (again.describe_run(generated, "generate", recalled, column),))


def _wire_generation(page: Page, runs_dir: str | Path) -> gr.events.Dependency:
    run, settings, pictures, column, recipe_of_all = page
    sampling = settings.sampling

    def generate(
        seed, num_images, num_steps, solver, eta, weights, variance, node_placement, min_signal_rate, max_signal_rate
    ):
        """Make pictures out of noise and show how they form. Picture i has the seed `seed + i`."""
        with controls.errors_shown():
            seeds = controls.read_seeds(seed, num_images)
            config = controls.read_config(
                num_steps, solver, eta, variance, node_placement, min_signal_rate, max_signal_rate
            )
            model = controls.load_model(weights, runs_dir)
            yield from _show_forming(model, seeds, config, pictures.noisy_images.temp_files)

    drawn = run.button.click(None, [settings.seed, settings.new_seed], settings.seed, js=DRAW_SEED, **controls.PRIVATE)
    generated = forming.wire(
        run,
        generate,
        [settings.seed, settings.num_images, *sampling[:3], settings.weights, *sampling[3:7]],
        [pictures.gallery, column.recipe, pictures.noisy_images, pictures.pred_images, run.status]
        + [pictures.live, pictures.finished, recipe_of_all],
        after=drawn,
        api_name="generate",
    )
    settings.dice.click(None, None, settings.seed, js=THROW_DICE, **controls.PRIVATE)
    controls.tell_precision(generated.success, settings.weights, sampling.precision, runs_dir)
    return generated


def _show_forming(
    model: "DiffusionModel", seeds: list[int], config: SampleConfig, temp_files: set[str]
) -> Iterator[tuple]:
    """Yield values for gallery, recipe, noisy pictures, predicted pictures, status, live view, finished view, recipe.

    `temp_files` are those that Gradio deletes in time; of what it is not sent, being stopped, it takes no note itself.
    """
    recipe_of_all = {**recipe_of(model, config, seed=seeds[0]), "num_images": len(seeds)}
    started, next_sheets = time.monotonic(), 0.0
    forms = gr.Row(visible=True), gr.Column(visible=False)
    for step in sample(model, seeds, **asdict(config)):
        if time.monotonic() >= next_sheets:
            next_sheets = time.monotonic() + forming.SECONDS_BETWEEN_SHEETS
            both_sheets, progress = _sheets(step), forming.progress(step.index + 1, config.num_steps)
            temp_files.update(both_sheets)
        # Stop takes effect at a yield, so each step has one. It may repeat what is shown, but not skip: after
        # gr.skip() Gradio goes on with copies of the components, and never deletes the files of these.
        yield [], recipe_of_all, *both_sheets, progress, *forms, recipe_of_all
    result = f"{step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds."
    recipes = [_recipe_of_picture(recipe_of_all, index) for index in range(len(seeds))]
    images = controls.captioned(to_uint8(step.pred_images), recipes)
    yield images, recipe_of_all, *_sheets(step), result, gr.Row(visible=False), gr.Column(visible=True), recipe_of_all


def _recipe_of_picture(recipe: dict[str, Any], index: int) -> dict[str, Any]:
    """That of one picture, from that of all."""
    told = {name: value for name, value in recipe.items() if name != "num_images"}
    return {**told, "seed": recipe["seed"] + index}


def _lay_out_settings(runs_dir: str | Path) -> Settings:
    with gr.Group():
        with gr.Row(elem_classes="seed"):
            seed = gr.Number(0, **controls.NUMBERS["seed"]._asdict(), precision=0, min_width=120)
            dice = gr.Button("⚄", elem_classes="dice", scale=0)
        new_seed = gr.Checkbox(label="New seed every time")
        num_images = controls.slider("num_images", 16)
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, controls.PRESETS)
    return Settings(seed, dice, new_seed, num_images, weights, sampling)


def _lay_out_pictures(first_pictures: list[tuple[Image.Image, str]]) -> Pictures:
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
    return Pictures(live, noisy_images, pred_images, finished, gallery)


def _sheet_view(label: str, alt_text: str) -> gr.Image:
    return gr.Image(label=label, alt_text=alt_text, format="png", buttons=[], interactive=False)


def _sheets(step: Step) -> tuple[str, str]:
    """Noisy and predicted pictures of a step as files, since a picture would be written anew at each yield."""
    noisy_images, pred_images = (
        sheets.save(to_pil(grid(to_uint8(images)))) for images in (step.noisy_images, step.pred_images)
    )
    return noisy_images, pred_images


def first_screen(runs_dir: str | Path) -> tuple[list[tuple[Image.Image, str]], dict[str, Any] | None]:
    """Pictures that the weights made beforehand, from the sheet `<name>.png` beside them, and their recipe."""
    for name in checkpoints.available(runs_dir)[:1]:
        path = Path(f"{checkpoints.find(name)}.png")
        if path.is_file():
            recipe = read_recipe(path)
            columns = default_columns(recipe["num_images"])
            with Image.open(path) as picture:
                sheet = np.asarray(picture.convert("RGB"))
            size = sheet.shape[1] // columns
            rows = sheet.reshape(-1, size, columns, size, 3).swapaxes(1, 2)
            images = rows.reshape(-1, size, size, 3)[: recipe["num_images"]]
            recipes = [_recipe_of_picture(recipe, index) for index in range(len(images))]
            return controls.captioned(images, recipes), recipe
    return [], None
