"""Two pictures of one seed, one over the other, with a sliding edge between them."""

from collections.abc import Sequence
from typing import NamedTuple

import gradio as gr

from ddim.ui.handlers import PRIVATE
from ddim.ui.tabs.compare.table import Row

# In the browser, so that both pictures are followed while they form, whichever the visitor has chosen since.
FOLLOW = """(table, seed, left, right) => {
    const names = [left, right].map((row) => `seed ${seed}, ${row}`);
    const pictures = [...new DOMParser().parseFromString(table, "text/html").images];
    for (const button of document.querySelectorAll(".comparison button")) {
        const sides = ["left", "right"].filter((side, place) => names[place] === button.querySelector("img").alt);
        button.setAttribute("aria-pressed", sides.length > 0);
        delete button.dataset.side;
        if (sides.length) button.dataset.side = sides.join(", ");
    }
    requestAnimationFrame(() => document.querySelectorAll(".two img").forEach((picture, place) => {
        picture.alt = names[place];
    }));
    return [names.map((name) => {
        const source = pictures.find((picture) => picture.alt === name)?.src;
        return source ? {path: source, url: source} : null;
    })];
}"""
MOVE = '(position) => ({__type__: "update", slider_position: position})'


class Slider(NamedTuple):
    """Of which seed and which two rows the pictures are, the pictures, and where the edge is."""

    seed: gr.Dropdown
    left: gr.Dropdown
    right: gr.Dropdown
    pictures: gr.ImageSlider
    position: gr.Slider


def lay_out() -> Slider:
    """Lay out both pictures, what they are, and a slider for those who cannot drag the edge."""
    with gr.Row():
        seed = gr.Dropdown(label="Seed", min_width=90, scale=1, filterable=False)
        left = gr.Dropdown(label="Left", min_width=160, scale=2, filterable=False)
        right = gr.Dropdown(label="Right", min_width=160, scale=2, filterable=False)
    pictures = gr.ImageSlider(
        label="Left and right", show_label=False, format="png", interactive=False, buttons=["fullscreen"]
    )
    position = gr.Slider(0, 100, value=50, step=1, label="Slider position", buttons=[])
    return Slider(seed, left, right, pictures, position)


def wire(slider: Slider, table: gr.HTML) -> None:
    """Show the two pictures as they are in `table`."""
    seed, left, right, pictures, position = slider
    for event in (table.change, seed.change, left.change, right.change):
        event(None, [table, seed, left, right], pictures, js=FOLLOW, **PRIVATE)
    position.input(None, position, pictures, js=MOVE, **PRIVATE)


def choices(rows: Sequence[Row], seeds: Sequence[int]) -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown]:
    """Updates of seed, left and right: at first two weights with the most steps, or the fewest steps and the most."""
    names = [row.name for row in rows]
    left = rows[-2] if len({row.weights for row in rows}) > 1 else rows[0]
    seed = gr.Dropdown([str(seed) for seed in seeds], value=str(seeds[0]))
    return seed, gr.Dropdown(names, value=left.name), gr.Dropdown(names, value=rows[-1].name)
