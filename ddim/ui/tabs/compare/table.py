"""The table of the tab Compare: a row for each number of steps, solver and weights, and a column for each seed."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import gradio as gr

from ddim.diffusion.sampling import SampleConfig
from ddim.making.compare import Cell, Comparison, asked_for
from ddim.making.nearness import reference_of
from ddim.making.recipe import Recipe, Weights
from ddim.media.images import data_address
from ddim.notation import counted
from ddim.ui.gradio_cache import address_of, save_picture
from ddim.ui.species import shown_class
from ddim.ui.tabs.compare.plot import SOLVERS

INVITATION = "<p>Each row will be a number of steps, each column a seed.</p>"
VERDICT_TO_COME = "How many steps of one solver are worth how many of another is told when all rows are there."

# Selected rows take turns: the first is for the left of the slider, the next for its right; those there already are not
# counted. Arrow keys go from picture to picture.
SELECT = """
let side = "right";
element.addEventListener("click", ({target}) => {
    const cell = target.closest("td:has(img)");
    if (!cell) return;
    if (!cell.parentElement.querySelector("[data-side]")) side = side === "left" ? "right" : "left";
    trigger("select", {side, picture: cell.querySelector("img").alt});
});
element.addEventListener("keydown", (event) => {
    const steps = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
    const cell = event.target.closest("td");
    if (!steps || !cell) return;
    const row = cell.closest("tbody").rows[cell.parentElement.sectionRowIndex + steps[0]];
    const next = row?.cells[cell.cellIndex + steps[1]]?.querySelector("button");
    if (next) {
        event.preventDefault();
        next.focus();
    }
});
"""


class Row(NamedTuple):
    """The pictures of one cell of a comparison: its name and theirs, with the seed in front, their recipes, and where
    they are once they are made."""

    weights: str
    config: SampleConfig
    name: str
    names: list[str]
    recipes: list[Recipe]
    sources: list[str]
    is_reference: bool
    seconds: float | None = None


def lay_out() -> gr.HTML:
    """Lay out the table; its value is what `show` returns. Its event `select` has `side` and the name `picture`."""
    return gr.HTML(INVITATION, js_on_load=SELECT, apply_default_css=False, elem_classes="comparison")


def planned(comparison: Comparison) -> list[Row]:
    """The rows of a comparison before anything is made."""
    seeds, contenders, plan = comparison.seeds, comparison.contenders, comparison.plan()
    references = [reference_of(name, config, plan) for name, config in plan]
    has_curves = len({(name, reference) for (name, _), reference in zip(plan, references, strict=True)}) < len(plan)
    rows = []
    for (name, config), reference in zip(plan, references, strict=True):
        parts = [counted(config.num_steps, "step"), config.solver, *([name] if len(contenders) > 1 else [])]
        parts += asked_for(config)
        weights = Weights.of(contenders[name].model)
        named = ", ".join(parts)
        names = [f"seed {seed}, {named}" for seed in seeds]
        recipes = [Recipe("sample", weights, config, [seed]) for seed in seeds]
        is_reference = has_curves and reference == config
        rows.append(Row(name, config, named, names, recipes, [""] * len(seeds), is_reference))
    return rows


def forming(row: Row, cell: Cell) -> Row:
    """The row as it stands, its pictures inside the page."""
    return row._replace(sources=[data_address(image) for image in cell.images])


def finished(row: Row, cell: Cell) -> tuple[Row, list[str]]:
    """The row with its pictures as files, each with its recipe inside, and their paths."""
    paths = [
        save_picture(image, recipe.to_json(), _file_name(name))
        for image, recipe, name in zip(cell.images, row.recipes, row.names, strict=True)
    ]
    return row._replace(sources=[address_of(path) for path in paths], seconds=cell.seconds), paths


def show(rows: Sequence[Row], seeds: Sequence[int], verdict: str = "") -> str:
    """The table as HTML, below the verdict on its solvers if it has several; until there is one, its place is kept."""
    has_verdict = len({row.config.solver for row in rows}) > 1
    told = f'<p class="verdict">{escape(verdict or VERDICT_TO_COME)}</p>' if has_verdict else ""
    columns = "".join(f'<th scope="col">seed {seed}</th>' for seed in seeds)
    several_weights = len({row.weights for row in rows}) > 1
    body = "".join(_show_row(row, several_weights) for row in rows)
    return (
        f'{told}<div tabindex="0" role="region" aria-label="Pictures by numbers of steps">'
        f'<table style="--seeds: {len(seeds)}">'
        f"<thead><tr><td></td>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _show_row(row: Row, tells_weights: bool) -> str:
    seconds = [f"{row.seconds:.2f} s"] if row.seconds is not None else []
    weights = [row.weights] if tells_weights else []
    details = [SOLVERS[row.config.solver], counted(row.config.nfe, "evaluation"), *seconds, *weights]
    class_name, *guidance = asked_for(row.config) if row.config.class_name else ["", *asked_for(row.config)]
    title, *rest = [*([shown_class(class_name)] if class_name else []), counted(row.config.num_steps, "step")]
    details += ["the reference"] if row.is_reference else []
    told = "".join(f"<small>{escape(detail)}</small>" for detail in [*rest, *details, *guidance])
    pictures = "".join(map(_show_picture, row.names, row.sources))
    return f'<tr><th scope="row">{escape(title)}{told}</th>{pictures}</tr>'


def _show_picture(name: str, source: str) -> str:
    if not source:
        return "<td><span></span></td>"
    name, source = escape(name), escape(source)
    return f'<td><button type="button" title="{name}"><img src="{source}" alt="{name}"></button></td>'


def _file_name(name: str) -> str:
    return "-".join("".join(letter for letter in part if letter.isalnum()) for part in name.split(", "))
