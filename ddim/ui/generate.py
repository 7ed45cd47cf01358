"""The tab Generate: pictures form out of noise while one looks on."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from ddim import checkpoints
from ddim.images import default_columns, grid, read_recipe, to_pil, to_uint8
from ddim.sampling import Step, recipe_of, sample
from ddim.ui import controls, recall

INTRODUCTION = (
    "This network has seen nothing but flowers: shown pure noise, it says which flower might be hidden in it. "
    "Each step follows that guess a little way, so on the left you see the noise give way and on the right the guess "
    "grow sharp. A seed is a flower: with the same settings it gives the same picture, here and anywhere else."
)
IDLE = "Ctrl + Enter generates, Esc stops."
SECONDS_BETWEEN_SHEETS = 0.1

# In the browser, so that it takes no round trip. The seeds thrown are short enough to be read out to a friend.
THROW_DICE = "() => Math.floor(Math.random() * 1000000)"
START = f"""(seed, new_seed) => [
    new_seed ? ({THROW_DICE})() : seed, {{__type__: "update", visible: false}}, {{__type__: "update", visible: true}}
]"""
GET_READY = """() => [{__type__: "update", visible: true}, {__type__: "update", visible: false}]"""
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
    """What was generated: two sheets while it forms, then a gallery; and how to make it again."""

    live: gr.Row
    noisy_images: gr.Image
    pred_images: gr.Image
    finished: gr.Column
    gallery: gr.Gallery
    snippet: gr.Code
    address: gr.Textbox
    recipe: gr.JSON


def build(demo: gr.Blocks, runs_dir: str | Path) -> None:
    """Lay out and wire the tab, inside of `demo`."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = gr.Button("Generate", variant="primary", size="lg", elem_classes="run-button")
            stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_classes="stop-button")
            status = gr.HTML(IDLE, elem_classes="status")
        with gr.Column(elem_classes="settings"):
            settings = _lay_out_settings(runs_dir)
        with gr.Column(elem_classes="pictures"):
            pictures = _lay_out_pictures(runs_dir)
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
            yield {status: "Loading the network. After a start this takes a few seconds."}
            model = controls.load_model(weights, runs_dir)
            started, next_sheets = time.monotonic(), 0.0
            for step in sample(model, seeds, **asdict(config)):
                if time.monotonic() < next_sheets:
                    yield gr.skip()  # nothing to show, but a chance to stop
                    continue
                next_sheets = time.monotonic() + SECONDS_BETWEEN_SHEETS
                yield {
                    pictures.noisy_images: _sheet(step.noisy_images),
                    pictures.pred_images: _sheet(step.pred_images),
                    pictures.live: gr.Row(visible=True),
                    pictures.finished: gr.Column(visible=False),
                    status: _progress(step, config.num_steps),
                }
            recipe = recipe_of(model, config, seed=seeds[0])
            yield {
                pictures.gallery: controls.captioned(to_uint8(step.pred_images), recipe),
                pictures.recipe: {**recipe, "num_images": len(seeds)},
                pictures.noisy_images: _sheet(step.noisy_images),
                pictures.pred_images: _sheet(step.pred_images),
                pictures.live: gr.Row(visible=False),
                pictures.finished: gr.Column(visible=True),
                status: f"{step.nfe} network evaluations in {time.monotonic() - started:.1f} seconds.",
            }

    def restore(request: gr.Request):
        with controls.errors_shown():
            return recall.restore("generate", request.query_params, runs_dir)

    private = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    pressed = run.click(None, [settings.seed, settings.new_seed], [settings.seed, run, stop], js=START, **private)
    generating = pressed.then(
        generate,
        [settings.seed, settings.num_images, *sampling[:3], settings.weights, *sampling[3:7]],
        [pictures.gallery, pictures.recipe, pictures.noisy_images, pictures.pred_images, status]
        + [pictures.live, pictures.finished],
        preprocess=False,  # each input is checked by `controls`, with a sentence of its own
        show_progress="hidden",
        concurrency_id="engine",
        concurrency_limit=controls.VISITORS_AT_ONCE,
        api_name="generate",
    )
    generating.then(None, None, [run, stop], js=GET_READY, **private)
    generating.failure(lambda: IDLE, None, status, **private)
    generating.success(
        lambda weights: controls.load_model(weights, runs_dir).engine.precision,
        settings.weights,
        sampling.precision,
        **private,
    )
    stop.click(lambda: "Stopped.", None, status, cancels=generating, **private)
    settings.dice.click(None, None, settings.seed, js=THROW_DICE, **private)
    described = pictures.recipe.change(_describe, pictures.recipe, [pictures.snippet, pictures.address], **private)
    restored = demo.load(
        restore,
        None,
        [settings.seed, settings.num_images, settings.weights, *sampling[:7]],
        show_progress="hidden",
        api_visibility="private",
    )
    for event in (described, restored):
        event.then(None, pictures.address, pictures.address, js=MAKE_ABSOLUTE, **private)


def _lay_out_settings(runs_dir: str | Path) -> Settings:
    with gr.Row(elem_classes="seed"):
        seed = gr.Number(0, **controls.NUMBERS["seed"]._asdict(), precision=0, min_width=120)
        dice = gr.Button("🎲", elem_classes="dice", min_width=48, scale=0)
    new_seed = gr.Checkbox(label="New seed every time")
    num_images = controls.slider("num_images", 16)
    weights = controls.weights_selector(runs_dir)
    return Settings(seed, dice, new_seed, num_images, weights, controls.sampling_controls(weights))


def _lay_out_pictures(runs_dir: str | Path) -> Pictures:
    images, recipe = first_screen(runs_dir)
    snippet, address = _describe(recipe) if recipe else (None, None)
    with gr.Row(visible=False, elem_classes="live") as live:
        noisy_images = _sheet_view("Noisy pictures", "The pictures as they are at this step, with what noise is left")
        pred_images = _sheet_view("What the network sees in them", "The pictures that the network predicts")
    with gr.Column() as finished:
        gallery = gr.Gallery(
            images,
            label="Pictures",
            show_label=False,
            format="png",
            object_fit="contain",
            buttons=["download", "download_all", "fullscreen"],
            interactive=False,
            elem_classes="gallery",
        )
    with gr.Accordion("Make these pictures again", open=False):
        address = gr.Textbox(
            address, label="Address", info="Opens this page with these settings", buttons=["copy"], interactive=False
        )
        snippet = gr.Code(snippet, language="python", label="Python", buttons=["copy"], interactive=False)
        recipe = gr.JSON(recipe, label="Recipe, as in the text of each PNG", buttons=["copy"])
    return Pictures(live, noisy_images, pred_images, finished, gallery, snippet, address, recipe)


def _sheet_view(label: str, alt_text: str) -> gr.Image:
    return gr.Image(label=label, alt_text=alt_text, format="png", buttons=[], interactive=False)


def _sheet(images: np.ndarray) -> Image.Image:
    return to_pil(grid(to_uint8(images)))


def _progress(step: Step, num_steps: int) -> str:
    done = step.index + 1
    return f'Step {done} of {num_steps} <progress max="{num_steps}" value="{done}"></progress>'


def _describe(recipe: dict[str, Any]) -> tuple[str, str]:
    return recall.python_snippet(recipe), recall.address_of("generate", recipe)


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
