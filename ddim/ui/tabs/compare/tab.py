"""The tab Compare: the same seeds with several numbers of steps, solvers or weights, side by side."""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.events import Dependency

from ddim.making.compare import PLAYBACK, Cell, Comparison, compare, save_comparison
from ddim.making.first_results import comparison_of
from ddim.making.recipe import Recipe
from ddim.media.animation import ExportConfig, file_name
from ddim.model.diffusion_model import DiffusionModel
from ddim.ui import controls, export, history, live_view, reproduce, run_button
from ddim.ui.handlers import PRIVATE, selected_of
from ddim.ui.limits import check_work
from ddim.ui.tabs.compare import plot, settings, slider, table
from ddim.ui.tabs.compare.verdict import verdict

INTRODUCTION = (
    "DDIM may leave out steps: the fewer it takes, the larger each one is, and the rougher the picture. Here the same "
    "noise is followed with several numbers of steps, solvers or weights. A picture of few steps is no early stage of "
    "one of many: each is made from the start."
)
SUFFIXES = (".png", ".gif", ".webp", ".mp4", ".zip")
# Each view costs Gradio 10 to 15 ms, so not every step has one.
SECONDS_BETWEEN_VIEWS = 0.15


class View(NamedTuple):
    """What the tab shows: its components, or what they shall hold. The last two are kept, and not seen: what can be
    taken away, and the recipe of each picture by its name."""

    gallery: Any
    recipe: Any
    table: Any
    status: Any
    two: Any
    left: Any
    right: Any
    finished: Any
    sentence: Any
    plot: Any
    seed: Any
    made: Any = None
    recipes: Any = None


class Made(NamedTuple):
    """A finished comparison."""

    cells: list[Cell]
    recipe: Recipe


def build(runs_dir: str) -> reproduce.Tab:
    """Lay out and wire the tab."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = run_button.lay_out("Compare")
        with gr.Column(elem_classes="settings"):
            chosen = settings.lay_out(runs_dir)
        with gr.Column(elem_classes="pictures"):
            view, pair = _lay_out_pictures()
            results = history.lay_out()
        of_tab = settings.settings_of(chosen, runs_dir)
        with gr.Column(elem_classes="again"):
            column = reproduce.lay_out("compare", of_tab)
            panel = export.lay_out(PLAYBACK, SUFFIXES)
    states = {"made": gr.State(time_to_live=export.SECONDS_KEPT), "recipes": gr.State({})}
    view = view._replace(recipe=column.recipe, status=run.status, **states)
    compared = _wire_comparison(run, chosen, view, runs_dir)
    settings.wire(chosen, runs_dir)
    _wire_selection(view, pair, column)
    export.wire(panel, view.made, save)
    made = [reproduce.describe_run(compared, column)]
    first = [view.gallery, view.table, view.sentence, view.plot, column.address, column.snippet, column.recipe]
    first_results = {"compare": reproduce.FirstResult(_first_result, view, run.start)}
    return reproduce.Tab(of_tab, column, made, [run.status], results, first, first_results=first_results)


def save(made: Made, folder: Path, suffix: str, config: ExportConfig) -> Path:
    """Write a comparison into `folder`, as `python -m ddim compare` does."""
    recipe = made.recipe
    path = folder / file_name("compare", recipe.seeds, recipe.step_counts, suffix)
    save_comparison(path, made.cells, recipe.seeds, config, recipe.to_json())
    return path


def _wire_comparison(run: run_button.RunButton, chosen: settings.Controls, view: View, runs_dir: str) -> Dependency:
    def compare_steps(**request: Any) -> Iterator[View]:
        """Make pictures of the same seeds with several numbers of steps, solvers or weights, the fewest steps first."""
        comparison = settings.read_comparison(runs_dir=runs_dir, **request)
        check_work(len(comparison.seeds), sum(config.nfe for _, config in comparison.plan()), "seeds")
        rows = table.planned(comparison)
        shown = _planned(comparison, rows)
        yield shown
        # Meanwhile the visitor may choose others, and look at the recipe of one.
        shown = shown._replace(seed=gr.skip(), left=gr.skip(), right=gr.skip(), recipe=gr.skip())
        cells: list[Cell] = []
        paths: list[str] = []
        started = time.monotonic()
        for cell, is_due in live_view.paced(compare(comparison), SECONDS_BETWEEN_VIEWS):
            place = len(cells)
            if cell.is_finished:
                cells.append(cell)
                rows[place], files = table.finished(rows[place], cell)
                paths += files
            elif is_due:
                rows[place] = table.forming(rows[place], cell)
            if is_due:
                status = _progress(cell, rows, len(cells))
                yield shown._replace(table=table.show(rows, comparison.seeds), status=status)
        finished = _finished(shown, comparison, rows, cells, paths)
        yield finished._replace(status=f"{len(cells)} rows in {time.monotonic() - started:.1f} seconds.")

    sampling = chosen.sampling.fields
    inputs = {"seeds": chosen.seeds, "num_steps": chosen.num_steps, "solvers": chosen.solvers, "eta": sampling["eta"]}
    inputs |= {"weights": chosen.weights, "against": chosen.against, "variance": sampling["variance"]}
    inputs |= {"node_placement": chosen.node_placement, **sampling}
    inputs |= {"class_names": chosen.class_names, "guidances": chosen.guidances}
    compared = run_button.wire(run, compare_steps, inputs, view, api_name="compare_steps")
    controls.tell_precision(compared.success, chosen.weights, chosen.sampling.precision, runs_dir)
    return compared


def _first_result(model: DiffusionModel, recipe: Recipe, pictures: np.ndarray) -> View:
    comparison = comparison_of(recipe, model)
    plan = comparison.plan()
    of_cells = pictures.reshape(len(plan), -1, *pictures.shape[1:])
    cells = [Cell(name, config, images, config.nfe) for (name, config), images in zip(plan, of_cells, strict=True)]
    rows, paths = zip(*map(table.finished, table.planned(comparison), cells), strict=True)
    shown = _finished(_planned(comparison, rows), comparison, rows, cells, list(chain.from_iterable(paths)))
    return shown._replace(status=gr.skip())


def _planned(comparison: Comparison, rows: Sequence[table.Row]) -> View:
    """What the tab shows before anything is finished."""
    seed, left, right = slider.choices(rows, comparison.seeds)
    return View(
        gallery=[],
        recipe=Recipe.of_comparison(comparison).to_json(),
        table=table.show(rows, comparison.seeds),
        status="",
        two=gr.Column(visible=True),
        left=left,
        right=right,
        finished=gr.Column(visible=False),
        sentence="",
        plot=None,
        seed=seed,
        recipes={name: of_one for row in rows for name, of_one in zip(row.names, row.recipes, strict=True)},
    )


def _finished(
    planned: View, comparison: Comparison, rows: Sequence[table.Row], cells: list[Cell], paths: Sequence[str]
) -> View:
    """What the tab shows at the end; `paths` are the files of all pictures."""
    recipe = Recipe.of_comparison(comparison)
    return planned._replace(
        gallery=list(zip(paths, planned.recipes, strict=True)),
        recipe=recipe.to_json(),
        table=table.show(rows, comparison.seeds, verdict(cells)),
        finished=gr.Column(visible=True),
        sentence=plot.sentences(cells),
        plot=plot.curves(cells),
        made=Made(cells, recipe),
    )


def _progress(cell: Cell, rows: Sequence[table.Row], num_finished: int) -> str:
    place = num_finished - cell.is_finished
    done = sum(row.config.nfe for row in rows[:place]) + cell.nfe
    all_of_them = sum(row.config.nfe for row in rows)
    row = f"Row {place + 1} of {len(rows)}, evaluation {cell.nfe} of {cell.config.nfe}"
    return f'{row} <progress max="{all_of_them}" value="{done}"></progress>'


def _wire_selection(view: View, two: slider.Slider, column: reproduce.Column) -> None:
    """A picture that is selected goes to the slider, the other side to its seed, and the column is about it."""

    def select(recipes: Mapping[str, Recipe], left: str, right: str, selected: gr.EventData) -> dict[Any, Any]:
        picture = getattr(selected, "picture", None)
        recipe = selected_of(recipes, picture)
        seed, row = str(recipe.seeds[0]), str(picture).partition(", ")[2]
        side = two.left if getattr(selected, "side", None) == "left" else two.right
        rows = {} if row in (left, right) else {side: row}
        return {two.seed: seed, **rows, column.recipe: recipe.to_json()}

    def select_file(recipes: Mapping[str, Recipe], selected: gr.SelectData) -> dict[str, Any]:
        return selected_of(list((recipes or {}).values()), selected.index).to_json()

    shown = [two.left, two.right]
    selected = view.table.select(select, [view.recipes, *shown], [two.seed, *shown, column.recipe], **PRIVATE)
    opened = view.gallery.select(select_file, view.recipes, column.recipe, **PRIVATE)
    for event in (selected, opened):
        reproduce.describe_after(event.success, column)
    slider.wire(two, view.table)


def _lay_out_pictures() -> tuple[View, slider.Slider]:
    shown = table.lay_out()
    with gr.Column(visible=False, elem_classes="two") as two:
        pair = slider.lay_out()
    with gr.Column(visible=False) as finished:
        sentence = gr.Markdown()
        curves = gr.LinePlot(
            x="evaluations",
            y="PSNR",
            color="line",
            title="How near to the reference",
            x_title="network evaluations",
            y_title="PSNR in dB",
            tooltip="all",
            height=260,
            buttons=["fullscreen", "export"],
        )
        with gr.Accordion("Each picture as a file of its own", open=False):
            gallery = gr.Gallery(
                label="Pictures",
                show_label=False,
                format="png",
                object_fit="contain",
                buttons=["download", "download_all", "fullscreen"],
                interactive=False,
                elem_classes="gallery",
            )
    return View(gallery, None, shown, None, two, pair.left, pair.right, finished, sentence, curves, pair.seed), pair
