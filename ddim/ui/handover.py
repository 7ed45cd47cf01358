"""What goes from tab to tab: settings from an address or a file, a picture sent on, and the last results."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ddim.errors import UserError
from ddim.making.plane import Stops
from ddim.making.recipe import Recipe
from ddim.media import embedded
from ddim.ui import history, settings
from ddim.ui.edge import errors_shown
from ddim.ui.handlers import PRIVATE, REFUSING
from ddim.ui.reproduce import MAKE_ABSOLUTE, Tab

FILES = [".png", ".gif", ".webp", ".mp4", ".zip"]

# In the browser, so that no late answer from the server takes a visitor back from the tab they went to meanwhile.
OPEN_TAB = """() => {
    const tab = new URLSearchParams(window.location.search).get("tab");
    const known = %s.includes(tab);
    return {__type__: "update", ...(known ? {selected: tab} : {})};
}"""
# The tour may hear of it only later: what is in a tab is there once the tab has been opened.
BEGIN_TOUR = """() => {
    document.body.dataset.howItWorks = "asked for";
    document.dispatchEvent(new Event("how-it-works"));
}"""
MAKE_ALL_ABSOLUTE = f"(...addresses) => addresses.map({MAKE_ABSOLUTE})"


def lay_out() -> gr.File:
    """Lay out what is below the tabs: where to drop a file, and the last results. Returns the former."""
    with gr.Row(elem_classes="below"):
        with gr.Accordion("Bring back a picture or film made here", open=False):
            dropped = gr.File(label="Its settings are inside it", file_types=FILES, height=150)
        with gr.Column():
            history.lay_out()
    return dropped


def wire(
    demo: gr.Blocks, tabs: gr.Tabs, ids: Sequence[str], parts: Mapping[str, Tab], dropped: gr.File, runs_dir: str
) -> None:
    """Wire the tabs with these ids to each other; those that make pictures have `parts`."""
    demo.load(None, None, tabs, js=OPEN_TAB % list(ids), **PRIVATE)
    _wire_address(demo, parts, runs_dir)
    _wire_dropping(tabs, parts, dropped, runs_dir)
    for tab in parts.values():
        for made in tab.made:
            history.add_after(made, tab.column.address, **PRIVATE)
        for name, button in tab.column.send.items():
            _wire_sending(button, tab, tabs, name, parts[name], runs_dir)
        if tab.guide:
            _wire_guide(tab.guide, tab, tabs, parts["animate"], runs_dir)


def _wire_address(demo: gr.Blocks, parts: Mapping[str, Tab], runs_dir: str) -> None:
    def restore(request: gr.Request) -> list[Any]:
        opened = request.query_params.get("tab", next(iter(parts)))
        return _updates_of_all(parts, opened, settings.told(request.query_params), runs_dir)

    restored = demo.load(restore, None, _controls_of_all(parts), show_progress="hidden", api_visibility="private")
    addresses = [tab.column.address for tab in parts.values()]
    restored.then(None, addresses, addresses, js=MAKE_ALL_ABSOLUTE, **PRIVATE)


def _wire_dropping(tabs: gr.Tabs, parts: Mapping[str, Tab], dropped: gr.File, runs_dir: str) -> None:
    def bring_back(file: str | None) -> list[Any]:
        if not file:
            return [gr.skip()] * (1 + len(_controls_of_all(parts)))
        with errors_shown():
            content = embedded.read(file)
            if content.get("command") == "train":
                raise UserError(f"{Path(file).name} has no settings to bring back: it shows a training run.")
            try:
                recipe = Recipe.from_json(content)
            except UserError as error:
                raise UserError(f"{Path(file).name} cannot be brought back. {error}") from error
        tab = settings.tab_of(recipe)
        return [gr.Tabs(selected=tab), *_updates_of_all(parts, tab, settings.values_of(recipe), runs_dir)]

    one_at_a_time = REFUSING | {"concurrency_limit": 1}
    brought = dropped.upload(bring_back, dropped, [tabs, *_controls_of_all(parts)], **one_at_a_time)
    for event in (brought.success, brought.failure):
        event(None, None, dropped, js="() => null", **PRIVATE)  # room for the next file


def _wire_sending(button: gr.Button, sender: Tab, tabs: gr.Tabs, name: str, destination: Tab, runs_dir: str) -> None:
    adding = [one for one, setting in destination.settings.items() if setting.add]

    def send(content: dict[str, Any] | None, *held: Any) -> list[Any]:
        with errors_shown():
            if not content:
                raise UserError("There is nothing to take along yet: make a picture first.")
            recipe = Recipe.from_json(content)
            if recipe.place and name != "interpolate":
                raise UserError("This picture lies between seeds, so it has no seed of its own to take along.")
        held_by_name = dict(zip(adding, held, strict=True))
        values = settings.values_of(recipe)
        if name == "interpolate" and recipe.config.class_name and len(recipe.seeds) == 1:
            # The stop keeps the class of the picture, whatever the next picture sent shows.
            stop = Stops(tuple(recipe.seeds), (recipe.config.class_name,))
            values |= {"seeds": stop.written(), "class_name": ""}
        updates = _updates(destination.settings, values, runs_dir, held_by_name)
        return [gr.Tabs(selected=name), *updates]

    inputs = [sender.column.recipe, *(destination.settings[one].control for one in adding)]
    outputs = [tabs, *(setting.control for setting in destination.settings.values())]
    button.click(send, inputs, outputs, preprocess=False, **REFUSING)


def _wire_guide(button: gr.Button, sender: Tab, tabs: gr.Tabs, animate: Tab, runs_dir: str) -> None:
    """Wire: the picture looked at, or the first of all, is taken to the tour of the tab Animate."""

    def guide(content: dict[str, Any] | None) -> list[Any]:
        with errors_shown():
            if not content:
                raise UserError("There is nothing to look into yet: make a picture first.")
            first, *_ = Recipe.from_json(content).pictures()
        return [gr.Tabs(selected="animate"), *_updates(animate.settings, settings.values_of(first), runs_dir)]

    outputs = [tabs, *(setting.control for setting in animate.settings.values())]
    guided = button.click(guide, sender.column.recipe, outputs, preprocess=False, **REFUSING)
    guided.success(None, None, None, js=BEGIN_TOUR, **PRIVATE)


def _controls_of_all(parts: Mapping[str, Tab]) -> list[Any]:
    return [setting.control for tab in parts.values() for setting in tab.settings.values()]


def _updates_of_all(parts: Mapping[str, Tab], chosen: str, values: Mapping[str, Any], runs_dir: str) -> list[Any]:
    """Updates of `_controls_of_all`, where the values are for one tab."""
    return [
        update
        for name, tab in parts.items()
        for update in _updates(tab.settings, values if name == chosen else {}, runs_dir)
    ]


def _updates(
    of_tab: settings.Settings, values: Mapping[str, Any], runs_dir: str, held: Mapping[str, Any] | None = None
) -> list[Any]:
    kept, warnings = settings.read(of_tab, values, runs_dir, held)
    for warning in warnings:
        gr.Warning(html.escape(warning, quote=False))
    return settings.updates_of(of_tab, kept, runs_dir)
