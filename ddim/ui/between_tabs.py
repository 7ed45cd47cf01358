"""What goes from tab to tab: settings out of an address or a file, a picture sent on, and the last results."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from ddim import recipes
from ddim.ui import controls, history, recall
from ddim.ui.again import MAKE_ABSOLUTE, Tab
from ddim.ui.controls import PRIVATE

FILES = [".png", ".gif", ".webp", ".mp4", ".zip"]

# What may be refused has to be queued, or Gradio keeps the sentence from the visitor.
REFUSING = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

# In the browser, so that no late answer of the server takes a visitor back from the tab they went to meanwhile.
OPEN_TAB = """() => {
    const tab = new URLSearchParams(window.location.search).get("tab");
    const known = %s.includes(tab);
    return {__type__: "update", ...(known ? {selected: tab} : {})};
}"""
MAKE_ALL_ABSOLUTE = f"(...addresses) => addresses.map({MAKE_ABSOLUTE})"


def lay_out() -> gr.File:
    """Lay out what stands below the tabs: where to drop a file, and the last results. Returns the former."""
    with gr.Row(elem_classes="below"):
        with gr.Accordion("Bring back a picture or film made here", open=False):
            dropped = gr.File(label="Its settings are inside of it", file_types=FILES, height=150)
        with gr.Column():
            history.lay_out()
    return dropped


def wire(demo: gr.Blocks, tabs: gr.Tabs, parts: Mapping[str, Tab], dropped: gr.File, runs_dir: str | Path) -> None:
    """Wire the tabs, whose `parts` are there by their ids, with each other."""
    ids = [tab.id for tab in tabs.children]
    demo.load(None, None, tabs, js=OPEN_TAB % ids, **PRIVATE)
    _wire_address(demo, parts, runs_dir)
    _wire_dropping(tabs, parts, dropped, runs_dir)
    for tab in parts.values():
        for made in tab.made:
            history.add_after(made, tab.again.address, **PRIVATE)
        for destination, button in tab.again.send.items():
            _wire_sending(button, tab, destination, tabs, parts[destination].settings, runs_dir)


def _wire_address(demo: gr.Blocks, parts: Mapping[str, Tab], runs_dir: str | Path) -> None:
    def restore(request: gr.Request):
        opened = request.query_params.get("tab", next(iter(parts)))
        values = recall.values_of(dict(request.query_params))
        return _updates_of_all(parts, opened, values, runs_dir)

    restored = demo.load(restore, None, _controls_of_all(parts), show_progress="hidden", api_visibility="private")
    addresses = [tab.again.address for tab in parts.values()]
    restored.then(None, addresses, addresses, js=MAKE_ALL_ABSOLUTE, **PRIVATE)


def _wire_dropping(tabs: gr.Tabs, parts: Mapping[str, Tab], dropped: gr.File, runs_dir: str | Path) -> None:
    def bring_back(file: str | None):
        if not file:
            return [gr.skip()] * (1 + len(_controls_of_all(parts)))
        with controls.errors_shown():
            recipe = recipes.read(file)
            tab = recall.tab_of(recipe)
            if tab not in parts:
                raise ValueError(f"{Path(file).name} has no settings to bring back: it shows a training run.")
        return gr.Tabs(selected=tab), *_updates_of_all(parts, tab, recall.values_of(recipe), runs_dir)

    brought = dropped.upload(bring_back, dropped, [tabs, *_controls_of_all(parts)], **REFUSING)
    for event in (brought.success, brought.failure):
        event(None, None, dropped, js="() => null", **PRIVATE)  # room for the next file


def _wire_sending(
    button: gr.Button, sender: Tab, destination: str, tabs: gr.Tabs, settings: recall.Settings, runs_dir: str | Path
) -> None:
    adding = [name for name, setting in settings.items() if setting.add]

    def send(recipe: dict[str, Any] | None, *held: Any):
        with controls.errors_shown():
            if not recipe:
                raise ValueError("There is nothing to take along yet: make a picture first.")
            if "noise" in recipe and destination != "interpolate":
                raise ValueError("This picture lies between seeds, so it has none of its own to take along.")
        held_by_name = dict(zip(adding, held, strict=True))
        return gr.Tabs(selected=destination), *_updates(settings, recall.values_of(recipe), runs_dir, held_by_name)

    inputs = [sender.again.recipe, *(settings[name].control for name in adding)]
    outputs = [tabs, *(setting.control for setting in settings.values())]
    button.click(send, inputs, outputs, preprocess=False, **REFUSING)


def _controls_of_all(parts: Mapping[str, Tab]) -> list[Any]:
    return [setting.control for tab in parts.values() for setting in tab.settings.values()]


def _updates_of_all(
    parts: Mapping[str, Tab], chosen: str, values: Mapping[str, Any], runs_dir: str | Path
) -> list[Any]:
    """Updates of `_controls_of_all`, where the values are for one tab."""
    return [
        update
        for name, tab in parts.items()
        for update in _updates(tab.settings, values if name == chosen else {}, runs_dir)
    ]


def _updates(
    settings: recall.Settings, values: Mapping[str, Any], runs_dir: str | Path, held: Mapping[str, Any] | None = None
) -> list[Any]:
    kept, warnings = recall.read(settings, values, runs_dir, held)
    for warning in warnings:
        gr.Warning(html.escape(warning, quote=False))
    return recall.updates_of(settings, kept, runs_dir)
