"""A list of all classes of some weights, each with a picture that they made of it, to be searched and chosen from."""

from html import escape

import gradio as gr

from ddim.errors import UserError
from ddim.media.images import default_columns
from ddim.ui import beside
from ddim.ui.models import class_names_of

CHOOSE = """
element.addEventListener("click", ({target}) => {
    const button = target.closest("button");
    if (button) trigger("select", {name: button.dataset.name});
});
element.addEventListener("input", ({target}) => {
    const wanted = target.value.trim().toLowerCase();
    for (const button of element.querySelectorAll("button"))
        button.hidden = !button.textContent.toLowerCase().includes(wanted);
});
"""


def lay_out(weights: str | None) -> gr.HTML:
    """Lay out the list; its event `select` has the `name` of the class chosen."""
    return gr.HTML(show(weights), js_on_load=CHOOSE, apply_default_css=False, elem_classes="species", padding=False)


def show(weights: str | None) -> str:
    """The list as HTML, empty for weights without classes; the browser fetches the pictures when it is opened."""
    try:
        names = sorted(class_names_of(weights or ""))
    except (UserError, OSError):  # whoever uses these weights will be told
        return ""
    if not names:
        return ""
    columns = default_columns(len(names))
    rows = -(-len(names) // columns)
    sheet = beside.address_of(weights or "", beside.SPECIES)
    picture = f"background-image: url('{sheet}'); background-size: {100 * columns}%; " if sheet else ""
    buttons = []
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        left, top = 100 * column / max(1, columns - 1), 100 * row / max(1, rows - 1)
        style = f"{picture}background-position: {left:.3f}% {top:.3f}%" if picture else "display: none"
        label = escape(shown_class(name))
        buttons.append(
            f'<button type="button" data-name="{escape(name)}"><span style="{style}"></span>{label}</button>'
        )
    search = f'<input type="search" placeholder="Search {len(names)} species" aria-label="Search the species">'
    return f"{search}<div>{''.join(buttons)}</div>"


def shown_class(name: str) -> str:
    """The name of a class as people write it: folders are often called black-eyed_susan."""
    return name.replace("-", " ").replace("_", " ").capitalize()
