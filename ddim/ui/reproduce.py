"""The column of a tab that says how to make the same again, here and elsewhere, and takes it to another tab."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.components import Component
from gradio.events import Dependency

from ddim.making.recipe import Recipe
from ddim.model.diffusion_model import DiffusionModel
from ddim.ui.handlers import PRIVATE, selected_of
from ddim.ui.run_button import RunButton
from ddim.ui.settings import Settings, address_of
from ddim.ui.snippets import is_of_file, snippet_of

DESTINATIONS = {"generate": "Generate", "compare": "Compare", "interpolate": "Interpolate", "animate": "Animate"}
MAKE_ABSOLUTE = "(address) => address && new URL(address, window.location.href).href"
# By what a phone shares with; elsewhere to the clipboard, which browsers keep from pages that came unencrypted.
SHARE = """async (address) => {
    const url = new URL(address || window.location.href, window.location.href).href;
    if (navigator.share && matchMedia("(pointer: coarse)").matches) {
        await navigator.share({title: document.title, url}).catch(() => {});
        return "Share";
    }
    await navigator.clipboard?.writeText(url);
    return navigator.clipboard ? "Copied" : "Copy the address above";
}"""
UNSAY = '() => new Promise((resolve) => setTimeout(() => resolve("Share"), 2000))'


class Column(NamedTuple):
    """The column of a tab with these settings; `recipe` holds the JSON of all that was made, or of the one selected."""

    tab: str
    settings: Settings
    address: gr.Textbox
    snippet: gr.Code
    recipe: gr.JSON
    send: dict[str, gr.Button]


class FirstResult(NamedTuple):
    """How a tab shows a result that ships with weights: what `show(model, recipe, pictures)` returns goes to `outputs`.

    What was shipped is what `ddim.making.first_results` reads; `start` begins one of the visitor's own in its place.
    """

    show: Callable[[DiffusionModel, Recipe, np.ndarray], Sequence[Any]]
    outputs: Sequence[Component]
    start: gr.Button


class Tab(NamedTuple):
    """What other tabs and addresses need from a tab.

    Attributes:
        settings: Its controls.
        column: What says how to make its result again.
        made: Events after which the column is about a new result.
        runs: What starts and stops its work, and says how far it has got.
        history: The visitor's last results.
        first: What shows a result before any is asked for; an address of another one empties it.
        guide: The button, where there is one, that shows how its picture comes about.
        first_results: By their kind, what it shows when it is opened before anything was made in it.
    """

    settings: Settings
    column: Column
    made: Sequence[Dependency]
    runs: Sequence[RunButton]
    history: gr.HTML
    first: Sequence[Component] = ()
    guide: gr.Button | None = None
    first_results: Mapping[str, FirstResult] = MappingProxyType({})


def lay_out(tab: str, settings: Settings, recipe: Recipe | None = None) -> Column:
    """Lay out the column of this tab, whose first screen shows what `recipe` makes."""
    with gr.Accordion("Share and reproduce"):
        address = gr.Textbox(
            address_of(tab, settings, recipe) if recipe else None,
            label="Address of this page with these settings",
            buttons=["copy"],
            interactive=False,
        )
        address.change(None, address, address, js=MAKE_ABSOLUTE, **PRIVATE)
        share = gr.Button("Share", size="sm", elem_classes="share")
        share.click(None, address, share, js=SHARE, **PRIVATE).then(None, None, share, js=UNSAY, **PRIVATE)
        snippet = _snippet(recipe)
        with gr.Accordion("Recipe, as in the text of each file", open=False):
            shown = gr.JSON(recipe.to_json() if recipe else None, show_label=False, buttons=["copy"])
        gr.Markdown("Take it to", elem_classes="take")
        with gr.Row(elem_classes="send"):
            send = {
                name: gr.Button(label, size="sm", min_width=80) for name, label in DESTINATIONS.items() if name != tab
            }
    return Column(tab, settings, address, snippet, shown, send)


def describe_after(event: Any, column: Column) -> Dependency:
    """Wire: after this event, a method such as `generated.success`, say how to make what `column.recipe` holds."""

    def describe(told: dict[str, Any] | None) -> tuple[str | None, gr.Code]:
        return described(column, Recipe.from_json(told) if told else None)

    return event(describe, column.recipe, [column.address, column.snippet], **PRIVATE)


def described(column: Column, recipe: Recipe | None) -> tuple[str | None, gr.Code]:
    """What the address and the snippet of a column are to hold for this recipe."""
    return address_of(column.tab, column.settings, recipe) if recipe else None, _snippet(recipe)


def describe_run(run: Dependency, column: Column) -> Dependency:
    """Wire: say how to make again what a run makes, even if it is stopped. Returns the event that ends this."""
    describe_after(run.failure, column)
    return describe_after(run.success, column)


def follow_gallery(gallery: gr.Gallery, recipe_of_all: gr.State, column: Column) -> None:
    """Wire: the column is about the picture being looked at, and about all of them when the visitor closes it."""

    def recipe_of_selected(recipe: Recipe, selected: gr.SelectData) -> dict[str, Any]:
        return selected_of(recipe and recipe.pictures(), selected.index).to_json()

    selected = gallery.select(recipe_of_selected, recipe_of_all, column.recipe, **PRIVATE)
    left = gallery.preview_close(lambda recipe: recipe and recipe.to_json(), recipe_of_all, column.recipe, **PRIVATE)
    for event in (selected, left):
        describe_after(event.success, column)


def _snippet(recipe: Recipe | None) -> gr.Code:
    """Python for pictures, a command for files."""
    is_command, text = bool(recipe and is_of_file(recipe)), snippet_of(recipe) if recipe else None
    return gr.Code(
        text,
        language="shell" if is_command else "python",
        label="Command" if is_command else "Python",
        buttons=["copy"],
        show_line_numbers=False,
        interactive=False,
    )
