"""The tab Train: a window on the folders of training runs, and the buttons that start, stop and remove them."""

import html
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from ddim.configuration import arguments_of
from ddim.data.folders import FOLDER_PREFIX
from ddim.errors import UserError
from ddim.media.animation import ExportConfig, save_animation
from ddim.runs import archives, process
from ddim.runs.film import frames_of_run, recipe_of_run
from ddim.runs.folder import folder_of
from ddim.ui import export
from ddim.ui.handlers import PRIVATE, named
from ddim.ui.settings import Settings
from ddim.ui.tabs.train import advice, rights, view, weights
from ddim.ui.tabs.train.options import PRESET_CHOICES, lay_out_options, preset_values, read_options, shown
from ddim.ui.tabs.train.rights import UPLOADS, Rules

INTRODUCTION = (
    "Here a network learns to make pictures: the plots show how well it tells noise from picture, and each grid shows "
    "what it makes of the same seeds after another epoch. A run goes on by itself, so leave, come back, or watch from "
    "elsewhere. Options come with advice from people who tried them; change one, and lay the runs over each other."
)
# What may be refused has to be queued, or Gradio keeps the sentence from the visitor.
QUEUED: dict[str, Any] = {"concurrency_limit": None}


class Page(NamedTuple):
    """Everything in the tab."""

    name: gr.Textbox
    preset: gr.Radio
    expected: gr.HTML
    pictures: gr.File
    options: dict[str, Component]
    start: gr.Button
    view: view.View
    stop: gr.Button
    resume: gr.Button
    delete: gr.Button
    confirm: gr.Button


def build(demo: gr.Blocks, runs_dir: str, settings_of_tabs: Sequence[Settings], rules: Rules) -> None:
    """Lay out and wire the tab, inside `demo`. "Use these weights" sets them and their signal rates in all tabs.

    What only those may use who may train is hidden from others.
    """
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    refused = gr.Markdown(visible=False)
    if os.environ.get("SYSTEM") == "spaces" and "OAUTH_CLIENT_ID" in os.environ:  # elsewhere, Gradio only mocks it
        gr.LoginButton()
    with gr.Row(elem_classes="workbench training"):
        with gr.Column(elem_classes="run") as starting:
            start = gr.Button("Start training", variant="primary", size="lg", elem_classes="run-button")
            name = gr.Textbox(label="Name of the run", placeholder="the time, if left empty", max_lines=1)
            preset = gr.Radio(PRESET_CHOICES, value="quick", label="Begin with")
            expected = gr.HTML(elem_classes="status", padding=False)
        with gr.Column(elem_classes="settings") as choosing:
            pictures = gr.File(
                label="Pictures of your own: a ZIP or several files",
                file_count="multiple",
                file_types=["image", ".zip"],
            )
            options = lay_out_options("quick", rights.names_of_datasets(rules, runs_dir))
        with gr.Column(elem_classes="pictures"):
            window = view.lay_out(runs_dir)
            film = export.lay_out(view.PLAYING, title="Export the film")
        with gr.Column(elem_classes="again"):
            with gr.Row() as running:
                stop = gr.Button("Stop", variant="stop")
                resume = gr.Button("Resume")
            trained = weights.lay_out()
            delete = gr.Button("Delete this run")
            confirm = gr.Button("Really delete it, for good", variant="stop", visible=False)
    page = Page(name, preset, expected, pictures, options, start, window, stop, resume, delete, confirm)
    buttons = {"stop": stop, "resume": resume, "use": trained.use, "pack": trained.pack, "delete": delete}
    view.wire(demo, window, runs_dir, buttons)
    _wire_starting(page, runs_dir, rules)
    advice.wire(demo, page.preset, page.options, page.expected, runs_dir, rules)
    _wire_running(page, runs_dir, rules)
    weights.wire(trained, window.run, runs_dir, settings_of_tabs, rules)

    def show_what_is_allowed() -> list[Any]:
        told = rights.refusal(rules)
        may = [gr.update(visible=told is None) for _ in allowed]
        return [gr.Markdown(f"**{html.escape(told or '', quote=False)}**", visible=told is not None), *may]

    allowed = [starting, choosing, running, trained.unpack, delete]
    demo.load(show_what_is_allowed, None, [refused, *allowed], **PRIVATE)
    export.wire(film, window.run, partial(save_film, runs_dir))


def _wire_starting(page: Page, runs_dir: str, rules: Rules) -> None:
    def start_training(name: str, **options: Any) -> gr.Dropdown:
        """Start a training run with these options and return its name."""
        rights.check(rules)
        config = rights.within(read_options(options), rules, runs_dir)
        run = folder_of(runs_dir, name or time.strftime("%Y-%m-%d-%H%M%S"))
        if run.exists():
            raise UserError(f"There is a run {run.name} already: resume it, or choose another name.")
        rights.start(rules, run, arguments_of(config))
        return view.run_selector(runs_dir, run)

    def use_pictures(files: list[str] | None) -> Any:
        if not files:
            return gr.skip()
        rights.check(rules)
        unpacked = archives.unpack_pictures([Path(file) for file in files], Path(runs_dir) / UPLOADS)
        gr.Info(html.escape(unpacked.summary, quote=False))
        return f"{FOLDER_PREFIX}{unpacked.folder.name}"

    def options_of(preset: str) -> list[Any]:
        values = preset_values(preset or "quick")
        return [shown(values[name]) for name in page.options if name != "dataset"]

    inputs = {"name": page.name, **page.options}
    start = named(start_training, inputs)
    page.start.click(start, list(inputs.values()), page.view.run, api_name="start_training", **QUEUED)
    decided = [control for name, control in page.options.items() if name != "dataset"]  # which a visitor has chosen
    page.preset.change(options_of, page.preset, decided, **PRIVATE)
    learn_classes: Any = page.options["class_conditional"]
    learn_classes.input(
        None,
        [learn_classes, page.options["conditioning"]],
        page.options["conditioning"],
        js="(learned, conditioning) => learned ? 'blocks' : conditioning",  # or no class would be heard
        **PRIVATE,
    )
    page.pictures.upload(use_pictures, page.pictures, page.options["dataset"], api_visibility="private")


def _wire_running(page: Page, runs_dir: str, rules: Rules) -> None:
    def changeable(run: str) -> Path:
        rights.check(rules)
        folder = view.folder(runs_dir, run)
        if folder.parent != Path(runs_dir):
            raise UserError(f"{folder.name} is the record of shipped weights: it can be looked at, but not changed.")
        return folder

    def stop_training(run: str) -> None:
        """Let a run finish its batch, save and end; it can be resumed."""
        folder = changeable(run)
        is_running = process.stop_run(folder)
        if not is_running:
            gr.Info(f"{folder.name} is not running, so there is nothing to stop.")

    def resume(run: str) -> None:
        folder = changeable(run)
        if not (folder / "checkpoints").exists():
            raise UserError(f"{folder.name} has no checkpoints to go on from: it was brought here as weights.")
        rights.start(rules, folder, ["--resume"])

    def delete(run: str) -> tuple[gr.Dropdown, gr.Button]:
        process.delete_run(changeable(run))
        return view.run_selector(runs_dir), gr.Button(visible=False)

    page.stop.click(stop_training, page.view.run, None, api_name="stop_training", **view.OF_RUN, **QUEUED)
    page.resume.click(resume, page.view.run, None, **view.OF_RUN, api_visibility="private")
    page.delete.click(lambda: gr.Button(visible=True), None, page.confirm, **PRIVATE)
    page.confirm.click(delete, page.view.run, [page.view.run, page.confirm], **view.OF_RUN, api_visibility="private")
    page.view.run.change(lambda: gr.Button(visible=False), None, page.confirm, **PRIVATE)


def save_film(runs_dir: str, run: str, folder: Path, suffix: str, config: ExportConfig) -> Path:
    """Write the pictures of a run, epoch after epoch, as one file into `folder`. Raises UserError without any."""
    run_folder = view.folder(runs_dir, run)
    frames, recipe = frames_of_run(run_folder), recipe_of_run(run_folder)
    path = folder / f"ddim-train-{run_folder.name}-{recipe['epochs']}epochs{suffix}"
    save_animation(path, frames, config, recipe)
    return path
