"""The table of the tab Compare: a row for each number of steps, solver and weights, and a column for each seed."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder

from ddim.compare import Cell, counted
from ddim.images import save_png, to_pil
from ddim.sampling import SampleConfig

INVITATION = "<p>Each row will be a number of steps, each column a seed.</p>"

# Pictures are told to take turns: the first is for the left of the slider, the next for its right.
SELECT = """
let side = "right";
element.addEventListener("click", ({target}) => {
    const picture = target.closest("button")?.querySelector("img");
    if (picture) {
        side = side === "left" ? "right" : "left";
        trigger("select", {side, picture: picture.alt});
    }
});
"""


class Row(NamedTuple):
    """Pictures of one cell of a comparison by their names, and where they are, as soon as they are somewhere."""

    weights: str
    config: SampleConfig
    names: list[str]
    sources: list[str]
    seconds: float | None = None


def lay_out() -> gr.HTML:
    """Lay out the table; its value is what `show` returns. Its event `select` has `side` and the name `picture`."""
    return gr.HTML(INVITATION, js_on_load=SELECT, apply_default_css=False, elem_classes="comparison")


def planned(plan: Sequence[tuple[str, SampleConfig]], seeds: Sequence[int]) -> list[Row]:
    """The rows of a comparison of which nothing is made yet."""
    several = len({weights for weights, _ in plan}) > 1
    rows = []
    for weights, config in plan:
        parts = [counted(config.num_steps, "step"), config.solver, *([weights] if several else [])]
        rows.append(Row(weights, config, [", ".join([f"seed {seed}", *parts]) for seed in seeds], [""] * len(seeds)))
    return rows


def forming(row: Row, cell: Cell) -> Row:
    """The row as it stands, its pictures inside of the page."""
    return row._replace(sources=[_inside(image) for image in cell.images])


def finished(row: Row, cell: Cell, recipes: Mapping[str, dict[str, Any]]) -> tuple[Row, list[str]]:
    """The row with its pictures as files, each with its recipe inside, and the paths of these in Gradio's cache."""
    paths = [
        save_pil_to_cache(to_pil(image, recipes[name]), get_upload_folder(), name=_file_name(name), format="png")
        for image, name in zip(cell.images, row.names, strict=True)
    ]
    return row._replace(sources=[f"gradio_api/file={quote(path)}" for path in paths], seconds=cell.seconds), paths


def show(rows: Sequence[Row], seeds: Sequence[int]) -> str:
    """The table as HTML."""
    columns = "".join(f'<th scope="col">seed {seed}</th>' for seed in seeds)
    several_weights = len({row.weights for row in rows}) > 1
    body = "".join(_show_row(row, several_weights) for row in rows)
    return (
        '<div tabindex="0" role="region" aria-label="Pictures by numbers of steps">'
        f'<table style="--seeds: {len(seeds)}">'
        f"<thead><tr><td></td>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _show_row(row: Row, tells_weights: bool) -> str:
    seconds = [f"{row.seconds:.2f} s"] if row.seconds is not None else []
    weights = [row.weights] if tells_weights else []
    details = [row.config.solver, counted(row.config.nfe, "evaluation"), *seconds, *weights]
    told = "".join(f"<small>{escape(detail)}</small>" for detail in details)
    pictures = "".join(map(_show_picture, row.names, row.sources))
    return f'<tr><th scope="row">{counted(row.config.num_steps, "step")}{told}</th>{pictures}</tr>'


def _show_picture(name: str, source: str) -> str:
    if not source:
        return "<td><span></span></td>"
    name, source = escape(name), escape(source)
    return f'<td><button type="button" title="{name}"><img src="{source}" alt="{name}"></button></td>'


def _inside(image: np.ndarray) -> str:
    content = io.BytesIO()
    save_png(content, image)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _file_name(name: str) -> str:
    return "-".join("".join(letter for letter in part if letter.isalnum()) for part in name.split(", "))
