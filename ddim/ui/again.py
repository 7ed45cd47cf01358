"""The column of a tab that says how to make the same again, here and elsewhere, and takes it to another tab."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import gradio as gr

from ddim.ui.controls import PRIVATE
from ddim.ui.recall import Settings, address_of
from ddim.ui.snippets import is_of_file, snippet_of

DESTINATIONS = {"generate": "Generate", "compare": "Compare", "interpolate": "Interpolate", "animate": "Animate"}
MAKE_ABSOLUTE = "(address) => address && new URL(address, window.location.href).href"


class Again(NamedTuple):
    """The column; `recipe` holds what all of it tells of: everything that was made, or the picture selected of it."""

    address: gr.Textbox
    snippet: gr.Code
    recipe: gr.JSON
    send: dict[str, gr.Button]


class Tab(NamedTuple):
    """What other tabs and addresses need of a tab. After each of `made` its recipe tells of a new result."""

    settings: Settings
    again: Again
    made: tuple[gr.events.Dependency, ...]


def lay_out(tab: str, settings: Settings, recipe: Mapping[str, Any] | None = None) -> Again:
    """Lay out the column of this tab, whose first screen shows what `recipe` makes."""
    with gr.Accordion("The same again"):
        address = gr.Textbox(
            address_of(tab, settings, recipe) if recipe else None,
            label="Address of this page with these settings",
            buttons=["copy"],
            interactive=False,
        )
        snippet = _snippet(recipe)
        with gr.Accordion("Recipe, as in the text of each file", open=False):
            recipe = gr.JSON(recipe, show_label=False, buttons=["copy"])
        gr.Markdown("Take it to", elem_classes="take")
        with gr.Row(elem_classes="send"):
            send = {
                name: gr.Button(label, size="sm", min_width=80) for name, label in DESTINATIONS.items() if name != tab
            }
    return Again(address, snippet, recipe, send)


def describe_after(event: Any, tab: str, settings: Settings, again: Again) -> gr.events.Dependency:
    """Wire: after this event succeeds, tell of `again.recipe`. `event` is a method such as `generated.success`."""

    def describe(recipe: dict[str, Any] | None):
        return address_of(tab, settings, recipe) if recipe else None, _snippet(recipe)

    described = event(describe, again.recipe, [again.address, again.snippet], **PRIVATE)
    return described.then(None, again.address, again.address, js=MAKE_ABSOLUTE, **PRIVATE)


def describe_run(run: gr.events.Dependency, tab: str, settings: Settings, again: Again) -> gr.events.Dependency:
    """Wire: tell of what a run makes, even if it is stopped. Returns the event after which a result is told of."""
    describe_after(run.failure, tab, settings, again)
    return describe_after(run.success, tab, settings, again)


def follow_gallery(
    gallery: gr.Gallery,
    recipe_of_all: gr.State,
    recipe_of_picture: Callable[[dict[str, Any], int], dict[str, Any]],
    tab: str,
    settings: Settings,
    again: Again,
) -> None:
    """Wire: tell of the picture that is looked at, and of all again when the visitor turns away from it."""

    def recipe_of_selected(recipe: dict[str, Any], selected: gr.SelectData):
        return recipe_of_picture(recipe, selected.index)

    selected = gallery.select(recipe_of_selected, recipe_of_all, again.recipe, **PRIVATE)
    left = gallery.preview_close(lambda recipe: recipe, recipe_of_all, again.recipe, **PRIVATE)
    for event in (selected, left):
        describe_after(event.success, tab, settings, again)


def _snippet(recipe: Mapping[str, Any] | None) -> gr.Code:
    """Python for pictures, a command for files."""
    is_command = bool(recipe) and is_of_file(recipe)
    language, label = ("shell", "Command") if is_command else ("python", "Python")
    text = snippet_of(recipe) if recipe else None
    return gr.Code(text, language, label=label, buttons=["copy"], show_line_numbers=False, interactive=False)
