"""Two pictures of a comparison, one over the other, with a sliding edge between them."""

from collections.abc import Sequence
from typing import NamedTuple

import gradio as gr

from ddim.ui.handlers import PRIVATE
from ddim.ui.tabs.compare.table import Row

# In the browser, so that both pictures are followed while they form, whichever the visitor has chosen since.
FOLLOW = """(table, left, right) => {
    const pictures = [...new DOMParser().parseFromString(table, "text/html").images];
    for (const button of document.querySelectorAll(".comparison button")) {
        const name = button.querySelector("img").alt;
        const sides = Object.entries({left, right}).filter(([, chosen]) => chosen === name).map(([side]) => side);
        delete button.dataset.side;
        if (sides.length) button.dataset.side = sides.join(", ");
    }
    requestAnimationFrame(() => document.querySelectorAll(".two img").forEach((picture, place) => {
        picture.alt = [left, right][place];
    }));
    return [[left, right].map((name) => {
        const source = pictures.find((picture) => picture.alt === name)?.src;
        return source ? {path: source, url: source} : null;
    })];
}"""
MOVE = '(position) => ({__type__: "update", slider_position: position})'


class Slider(NamedTuple):
    """Which two pictures, by their names, the pictures, and where the edge is."""

    left: gr.Dropdown
    right: gr.Dropdown
    pictures: gr.ImageSlider
    position: gr.Slider


def lay_out() -> Slider:
    """Lay out both pictures, the choice of each, and a slider for those who cannot drag the edge."""
    with gr.Row():
        left = gr.Dropdown(label="Left", min_width=180)
        right = gr.Dropdown(label="Right", min_width=180)
    pictures = gr.ImageSlider(
        label="Left and right", show_label=False, format="png", interactive=False, buttons=["fullscreen"]
    )
    position = gr.Slider(0, 100, value=50, step=1, label="How much of the left one, in percent", buttons=[])
    return Slider(left, right, pictures, position)


def wire(slider: Slider, table: gr.HTML) -> None:
    """Show the two pictures as they are in `table`."""
    left, right, pictures, position = slider
    for event in (table.change, left.change, right.change):
        event(None, [table, left, right], pictures, js=FOLLOW, **PRIVATE)
    position.input(None, position, pictures, js=MOVE, **PRIVATE)


def choices(rows: Sequence[Row]) -> tuple[gr.Dropdown, gr.Dropdown]:
    """Updates of left and right: at first two weights with the most steps, or the fewest steps and the most."""
    names = [name for row in rows for name in row.names]
    left = rows[-2] if len({row.weights for row in rows}) > 1 else rows[0]
    return gr.Dropdown(names, value=left.names[0]), gr.Dropdown(names, value=rows[-1].names[0])
