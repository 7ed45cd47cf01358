"""The tab Generate: pictures form out of noise while one looks on."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from ddim import checkpoints
from ddim.images import default_columns, grid, read_recipe, to_pil, to_uint8
from ddim.sampling import SampleConfig, Step, recipe_of, sample
from ddim.ui import controls, recall

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

INTRODUCTION = (
    "This network has seen nothing but flowers: shown pure noise, it says which flower might be hidden in it. "
    "Each step follows that guess a little way, so on the left you see the noise give way and on the right the guess "
    "grow sharp. A seed is a flower: with the same settings it gives the same picture, here and anywhere else."
)
IDLE = "Ctrl + Enter generates, Esc stops."
SECONDS_BETWEEN_SHEETS = 0.1
PRIVATE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

# In the browser, so that it takes no round trip. The seeds thrown are short enough to be read out to a friend.
THROW_DICE = "() => Math.floor(Math.random() * 1000000)"
SHOW, HIDE = '{__type__: "update", visible: true}', '{__type__: "update", visible: false}'
START = f"""(seed, new_seed) => [
    new_seed ? ({THROW_DICE})() : seed, {HIDE}, {SHOW},
    "Waiting for the network. Just after a start it takes some seconds to load."
]"""
MAKE_ABSOLUTE = "(address) => new URL(address, window.location.href).href"


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


class Again(NamedTuple):
    """How to make the same again."""

    address: gr.Textbox
    snippet: gr.Code
    recipe: gr.JSON


class Page(NamedTuple):
    """All of the tab."""

    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    settings: Settings
    pictures: Pictures
    again: Again


def build(demo: gr.Blocks, runs_dir: str | Path) -> gr.Dropdown:
    """Lay out and wire the tab, inside of `demo`. Returns its weights selector."""
    first_pictures, first_recipe = first_screen(runs_dir)
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = gr.Button("Generate", variant="primary", size="lg", elem_classes="run-button")
            stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_classes="stop-button")
            status = gr.HTML(IDLE, elem_classes="status", padding=False)
        with gr.Column(elem_classes="settings"):
            settings = _lay_out_settings(runs_dir)
        with gr.Column(elem_classes="pictures"):
            pictures = _lay_out_pictures(first_pictures)
        with gr.Column(elem_classes="again"):
            again = _lay_out_again(first_recipe)
    page = Page(run, stop, status, settings, pictures, again)
    generated = _wire_generation(page, runs_dir)
    _wire_recall(demo, page, generated, runs_dir)
    return settings.weights


def _wire_generation(page: Page, runs_dir: str | Path) -> gr.events.Dependency:
    run, stop, status, settings, pictures, again = page
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

    pressed = run.click(
        None, [settings.seed, settings.new_seed], [settings.seed, run, stop, status], js=START, **PRIVATE
    )
    generated = pressed.then(
        generate,
        [settings.seed, settings.num_images, *sampling[:3], settings.weights, *sampling[3:7]],
        [pictures.gallery, again.recipe, pictures.noisy_images, pictures.pred_images, status]
        + [pictures.live, pictures.finished],
        preprocess=False,  # each input is checked by `controls`, with a sentence of its own
        show_progress="hidden",
        concurrency_id="engine",
        concurrency_limit=controls.VISITORS_AT_ONCE,
        api_name="generate",
    )
    stop.click(None, cancels=generated, **PRIVATE)
    generated.success(None, None, [run, stop], js=f"() => [{SHOW}, {HIDE}]", **PRIVATE)
    # To the browser what was stopped has failed, and `then` does not follow a failure.
    generated.failure(None, None, [run, stop, status], js=f"() => [{SHOW}, {HIDE}, 'Stopped.']", **PRIVATE)
    settings.dice.click(None, None, settings.seed, js=THROW_DICE, **PRIVATE)
    return generated


def _show_forming(
    model: "DiffusionModel", seeds: list[int], config: SampleConfig, temp_files: set[str]
) -> Iterator[tuple]:
    """Yield values for gallery, recipe, noisy pictures, predicted pictures, status, live view and finished view.

    `temp_files` are those that Gradio deletes in time.
    """
    recipe = recipe_of(model, config, seed=seeds[0])
    recipe_of_all = {**recipe, "num_images": len(seeds)}
    started, next_sheets, sheets = time.monotonic(), 0.0, ()
    try:
        for step in sample(model, seeds, **asdict(config)):
            if time.monotonic() >= next_sheets:
                next_sheets = time.monotonic() + SECONDS_BETWEEN_SHEETS
                sheets, progress = _sheets(step), _progress(step, config.num_steps)
            # Stop takes effect at a yield, so each step has one. It may repeat what is shown, but not skip: after
            # gr.skip() Gradio goes on with copies of the components, and never deletes the files of these.
            yield [], recipe_of_all, *sheets, progress, gr.Row(visible=True), gr.Column(visible=False)
    except GeneratorExit:  # stopped, perhaps before Gradio took note of the last sheets
        temp_files.update(sheets)
        raise
    result = f"{step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds."
    images = controls.captioned(to_uint8(step.pred_images), recipe)
    yield images, recipe_of_all, *_sheets(step), result, gr.Row(visible=False), gr.Column(visible=True)


def _wire_recall(demo: gr.Blocks, page: Page, generated: gr.events.Dependency, runs_dir: str | Path) -> None:
    settings, again = page.settings, page.again

    def restore(request: gr.Request):
        with controls.errors_shown():
            return recall.restore("generate", request.query_params, runs_dir)

    def read_precision(weights):
        return controls.load_model(weights, runs_dir).engine.precision

    generated.success(read_precision, settings.weights, settings.sampling.precision, **PRIVATE)
    described = generated.success(_describe, again.recipe, [again.address, again.snippet], **PRIVATE)
    restored = demo.load(
        restore,
        None,
        [settings.seed, settings.num_images, settings.weights, *settings.sampling[:7]],
        show_progress="hidden",
        api_visibility="private",
    )
    for event in (described, restored):
        event.then(None, again.address, again.address, js=MAKE_ABSOLUTE, **PRIVATE)


def _lay_out_settings(runs_dir: str | Path) -> Settings:
    with gr.Group():
        with gr.Row(elem_classes="seed"):
            seed = gr.Number(0, **controls.NUMBERS["seed"]._asdict(), precision=0, min_width=120)
            dice = gr.Button("⚄", elem_classes="dice", scale=0)
        new_seed = gr.Checkbox(label="New seed every time")
        num_images = controls.slider("num_images", 16)
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights)
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


def _lay_out_again(first_recipe: dict[str, Any] | None) -> Again:
    address, snippet = _describe(first_recipe) if first_recipe else (None, None)
    with gr.Accordion("The same again"):
        address = gr.Textbox(
            address, label="Address of this page with these settings", buttons=["copy"], interactive=False
        )
        snippet = gr.Code(
            snippet, "python", label="Python", buttons=["copy"], show_line_numbers=False, interactive=False
        )
        with gr.Accordion("Recipe, as in the text of each PNG", open=False):
            recipe = gr.JSON(first_recipe, show_label=False, buttons=["copy"])
    return Again(address, snippet, recipe)


def _sheet_view(label: str, alt_text: str) -> gr.Image:
    return gr.Image(label=label, alt_text=alt_text, format="png", buttons=[], interactive=False)


def _sheets(step: Step) -> tuple[str, str]:
    """Noisy and predicted pictures of a step as files, since a picture would be written anew at each yield."""
    sheets = (to_pil(grid(to_uint8(images))) for images in (step.noisy_images, step.pred_images))
    noisy_images, pred_images = (save_pil_to_cache(sheet, get_upload_folder(), format="png") for sheet in sheets)
    return noisy_images, pred_images


def _progress(step: Step, num_steps: int) -> str:
    done = step.index + 1
    return f'Step {done} of {num_steps} <progress max="{num_steps}" value="{done}"></progress>'


def _describe(recipe: dict[str, Any]) -> tuple[str, str]:
    return recall.address_of("generate", recipe), recall.python_snippet(recipe)


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
            return controls.captioned(images, {k: recipe[k] for k in recipe if k != "num_images"}), recipe
    return [], None
