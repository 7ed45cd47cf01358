"""The tab Compare: the same seeds with several numbers of steps, solvers or weights, side by side."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from ddim.animation import ExportConfig, file_name
from ddim.compare import Cell, compare, plan, playback, recipe_of_comparison, save_comparison
from ddim.sampling import recipe_of
from ddim.ui import (
    again,
    compare_plot,
    compare_settings,
    compare_slider,
    compare_table,
    controls,
    export,
    forming,
    recall,
)

INTRODUCTION = (
    "DDIM may leave out steps: the fewer it takes, the larger each one is, and the rougher the picture. Here the same "
    "noise is followed with several numbers of steps, solvers or weights. A picture of few steps is no early stage of "
    "one of many: each is made from the start."
)
SUFFIXES = (".png", ".gif", ".webp", ".mp4", ".zip")
SECONDS_BETWEEN_VIEWS = 0.15


class Pictures(NamedTuple):
    """What was compared: all pictures, two of them to slide between, the curves, and all as files of their own."""

    table: gr.HTML
    two: gr.Column
    slider: compare_slider.Slider
    finished: gr.Column
    sentence: gr.Markdown
    plot: gr.LinePlot
    gallery: gr.Gallery


class Page(NamedTuple):
    """All of the tab; `made` holds what can be taken away, and `recipes` that of each picture by its name."""

    run: forming.Run
    settings: compare_settings.Settings
    pictures: Pictures
    again: again.Again
    export: export.Export
    made: gr.State
    recipes: gr.State


class Made(NamedTuple):
    """A finished comparison."""

    cells: list[Cell]
    seeds: tuple[int, ...]
    recipe: dict[str, Any]


class View(NamedTuple):
    """What the page shows of a comparison, in the order of the outputs."""

    gallery: list[tuple[str, str]]
    recipe: Any
    table: str
    status: str
    two: gr.Column
    left: Any
    right: Any
    finished: gr.Column
    sentence: str
    plot: pd.DataFrame | None
    made: Made | None
    recipes: dict[str, dict[str, Any]]


def build(runs_dir: str | Path) -> again.Tab:
    """Lay out and wire the tab."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="run"):
            run = forming.lay_out("Compare")
        with gr.Column(elem_classes="settings"):
            settings = compare_settings.lay_out(runs_dir)
        with gr.Column(elem_classes="pictures"):
            pictures = _lay_out_pictures()
        recalled = compare_settings.recalled(settings, runs_dir)
        with gr.Column(elem_classes="again"):
            column = again.lay_out("compare", recalled)
            taking = export.lay_out(playback(), SUFFIXES)
    made, recipes = gr.State(time_to_live=export.SECONDS_KEPT), gr.State({})
    page = Page(run, settings, pictures, column, taking, made, recipes)
    compared = _wire_comparison(page, runs_dir)
    compare_settings.wire(settings, runs_dir)
    _wire_selection(page, recalled)
    export.wire(taking, made, save)
    return again.Tab(recalled, column, (again.describe_run(compared, "compare", recalled, column),))


def save(made: Made, folder: Path, suffix: str, config: ExportConfig) -> Path:
    """Write a comparison into `folder`, as `python -m ddim compare` does."""
    path = folder / file_name("compare", made.seeds, made.recipe["num_steps"], suffix)
    save_comparison(path, made.cells, made.seeds, config, made.recipe)
    return path


def _wire_comparison(page: Page, runs_dir: str | Path) -> gr.events.Dependency:
    run, settings, pictures, column, _, made, recipes = page
    sampling = settings.sampling

    def compare_steps(
        seeds, num_steps, solvers, eta, weights, against, variance, node_placement, min_signal_rate, max_signal_rate
    ):
        """Make pictures of the same seeds with several numbers of steps, solvers or weights, the fewest steps first."""
        with controls.errors_shown():
            further = (eta, variance, node_placement, min_signal_rate, max_signal_rate)
            request = compare_settings.read(seeds, num_steps, solvers, weights, against, runs_dir, *further)
            yield from _show_forming(request, pictures.table.temp_files)

    compared = forming.wire(
        run,
        compare_steps,
        [settings.seeds, settings.num_steps, settings.solvers, sampling.eta, settings.weights, settings.against]
        + list(sampling[3:7]),
        [pictures.gallery, column.recipe, pictures.table, run.status, pictures.two]
        + [*pictures.slider[:2], pictures.finished, pictures.sentence, pictures.plot, made, recipes],
        api_name="compare_steps",
    )
    controls.tell_precision(compared.success, settings.weights, sampling.precision, runs_dir)
    return compared


def _show_forming(request: compare_settings.Request, temp_files: set[str]) -> Iterator[View]:
    """`temp_files` are those that Gradio deletes in time."""
    models, seeds, step_counts, solvers, settings = request
    rows = compare_table.planned(plan(models, seeds, step_counts, solvers, **settings), seeds)
    recipe = recipe_of_comparison(models, seeds, step_counts, solvers, **settings)
    recipes = {
        name: recipe_of(models[row.weights], row.config, seed)
        for row in rows
        for seed, name in zip(seeds, row.names, strict=True)
    }
    hidden, shown = gr.Column(visible=False), gr.Column(visible=True)
    left, right = compare_slider.choices(rows)
    table = compare_table.show(rows, seeds)
    view = View([], recipe, table, "", shown, left, right, hidden, "", plot=None, made=None, recipes=recipes)
    yield view
    # Meanwhile the visitor may choose others, and look at the recipe of one.
    view = view._replace(left=gr.skip(), right=gr.skip(), recipe=gr.skip())
    cells, paths, next_view, started = [], [], 0.0, time.monotonic()
    for cell in compare(models, seeds, step_counts, solvers, **settings):
        place = len(cells)
        if cell.is_finished:
            cells.append(cell)
            rows[place], files = compare_table.finished(rows[place], cell, recipes)
            temp_files.update(files)
            paths += files
        # Stop takes effect at a yield, and each costs Gradio 10 to 15 ms, so there are a few a second. They may repeat
        # what is shown, but not skip what has files: Gradio would go on with a copy of the component, and never delete
        # the files of that.
        if time.monotonic() >= next_view:
            if not cell.is_finished:
                rows[place] = compare_table.forming(rows[place], cell)
            yield view._replace(table=compare_table.show(rows, seeds), status=_progress(cell, rows, len(cells)))
            next_view = time.monotonic() + SECONDS_BETWEEN_VIEWS
    yield view._replace(
        gallery=list(zip(paths, recipes, strict=True)),
        recipe=recipe,
        table=compare_table.show(rows, seeds),
        status=f"{len(cells)} rows in {time.monotonic() - started:.1f} seconds.",
        finished=shown,
        sentence=compare_plot.sentence(cells),
        plot=compare_plot.curves(cells),
        made=Made(cells, seeds, recipe),
    )


def _progress(cell: Cell, rows: Sequence[compare_table.Row], num_finished: int) -> str:
    place = num_finished - cell.is_finished
    done = sum(row.config.nfe for row in rows[:place]) + cell.nfe
    all_of_them = sum(row.config.nfe for row in rows)
    row = f"Row {place + 1} of {len(rows)}, evaluation {cell.nfe} of {cell.config.nfe}"
    return f'{row} <progress max="{all_of_them}" value="{done}"></progress>'


def _wire_selection(page: Page, recalled: recall.Settings) -> None:
    """A picture that is selected goes to the slider, and the column tells of it."""
    pictures, slider, column = page.pictures, page.pictures.slider, page.again

    def select(recipes: dict[str, dict[str, Any]], selected: gr.EventData):
        side = slider.left if selected.side == "left" else slider.right
        return {side: selected.picture, column.recipe: recipes[selected.picture]}

    def select_file(recipes: dict[str, dict[str, Any]], selected: gr.SelectData):
        return list(recipes.values())[selected.index]

    selected = pictures.table.select(
        select, page.recipes, [slider.left, slider.right, column.recipe], **controls.PRIVATE
    )
    opened = pictures.gallery.select(select_file, page.recipes, column.recipe, **controls.PRIVATE)
    for event in (selected, opened):
        again.describe_after(event.success, "compare", recalled, column)
    compare_slider.wire(pictures.slider, pictures.table)


def _lay_out_pictures() -> Pictures:
    table = compare_table.lay_out()
    with gr.Column(visible=False, elem_classes="two") as two:
        slider = compare_slider.lay_out()
    with gr.Column(visible=False) as finished:
        sentence = gr.Markdown()
        plot = gr.LinePlot(
            x="evaluations",
            y="PSNR",
            color="line",
            title="How close to the pictures of the most steps",
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
    return Pictures(table, two, slider, finished, sentence, plot, gallery)
