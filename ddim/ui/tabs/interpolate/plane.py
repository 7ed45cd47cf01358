"""The seed plane of the tab Interpolate: a sheet of pictures between four seeds, any point of which can be seen."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.components import Component
from gradio.events import Dependency

from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.plane import Place, coordinates_at, sample_at, sample_plane
from ddim.making.recipe import Recipe, Weights
from ddim.media.animation import file_name
from ddim.media.images import grid, to_uint8
from ddim.ui import controls, export, live_view, reading, reproduce, run_button
from ddim.ui.edge import errors_shown
from ddim.ui.gradio_cache import save_picture
from ddim.ui.handlers import PRIVATE, named
from ddim.ui.limits import check_work
from ddim.ui.models import load_model
from ddim.ui.tabs.interpolate.settings import Controls, read_corners

HINT = (
    "Click any point of the plane, or set it here. The centre of the top left picture is across 0 and down 0, that of "
    "the bottom right one is across 1 and down 1."
)

# The sheet is at least as wide as it is ever shown: where an Image was clicked is told wrongly if it is shown enlarged.
SHEET_SIDE = 1024


class Plane(NamedTuple):
    """The sheet with a mark on it, the picture at the point marked, its coordinates, and what is kept for export."""

    sheet: gr.Image
    mark: gr.HTML
    point: gr.Image
    across: gr.Slider
    down: gr.Slider
    show: gr.Button
    made: gr.State


class View(NamedTuple):
    """What the plane shows: its components, or what they shall hold."""

    sheet: Any
    recipe: Any
    status: Any
    made: Any
    point: Any
    mark: Any


class Point(NamedTuple):
    """What a point of the plane shows: its components, or what they shall hold."""

    across: Any
    down: Any
    picture: Any
    recipe: Any


def lay_out() -> Plane:
    """Lay out the sheet, and beside it the picture at a point."""
    options: dict[str, Any] = {"format": "png", "buttons": ["download", "fullscreen"], "interactive": False}
    with gr.Row(elem_classes="plane"):
        sheet = gr.Image(
            label="The plane",
            show_label=False,  # so that the mark is where it should be
            alt_text="Pictures between four seeds, which are at the corners",
            elem_classes="plane-sheet",
            **options,
        )
        mark = gr.HTML(elem_classes="plane-mark", padding=False)
        with gr.Column(elem_classes="plane-chosen"):
            point = gr.Image(label="The point chosen", elem_classes="plane-point", **options)
            gr.Markdown(HINT, elem_classes="note")
            across, down = controls.slider("across", 0.5), controls.slider("down", 0.5)
            show = gr.Button("Show this point", size="sm")
    return Plane(sheet, mark, point, across, down, show, gr.State(time_to_live=export.SECONDS_KEPT))


def wire(
    run: run_button.RunButton,
    chosen: Controls,
    plane: Plane,
    column: reproduce.Column,
    panel: export.Export,
    runs_dir: str,
) -> Dependency:
    """Wire the making of planes and return the event of a finished one."""

    def make_plane(seeds: Any, size: Any, weights: Any, **sampling: Any) -> Iterator[View]:
        (corners, class_names), size = read_corners(seeds), reading.read_number("size", size)
        config = reading.read_config(**sampling)
        check_work(size**2, config.nfe)
        model = load_model(weights, runs_dir)
        recipe = Recipe("plane", Weights.of(model), config, corners, class_names, size=size)
        started = time.monotonic()
        shown = View(None, recipe.to_json(), "", None, None, None)
        draw = partial(live_view.sheet_of_step, columns=size)
        forming = sample_plane(model, corners, size, config, class_names)
        for moment in live_view.follow(forming, config.num_steps, draw):
            yield shown._replace(sheet=moment.drawn, status=moment.progress)
        pictures, seconds = to_uint8(moment.step.pred_images), time.monotonic() - started
        name = file_name("plane", corners, config.num_steps, "")
        evaluations = f"{moment.step.nfe} network evaluations each in {seconds:.1f} seconds."
        yield shown._replace(
            sheet=save_picture(_sheet_of(pictures, size), recipe.to_json(), name),
            status=f"{len(pictures)} pictures with {evaluations}",
            made=export.Made(pictures, recipe, recipe.pictures()),
        )

    inputs = {"seeds": chosen.seeds, "size": chosen.size, "weights": chosen.weights, **chosen.sampling.fields}
    view = View(plane.sheet, column.recipe, run.status, plane.made, plane.point, plane.mark)
    made = run_button.wire(run, make_plane, inputs, view, api_visibility="private")
    export.wire(panel, plane.made)
    return made


def wire_points(chosen: Controls, plane: Plane, column: reproduce.Column, runs_dir: str) -> list[Dependency]:
    """Wire the choice of a point, by a click or by its coordinates, and return the events of pictures shown."""

    def show_clicked(made: export.Made | None, clicked: gr.SelectData) -> Point:
        with errors_shown():
            if made is None:
                raise UserError("There is no finished plane: make one, then choose a point. It is kept for an hour.")
            recipe = made.recipe
            side = made.frames.shape[1] * _enlargement(made.frames, recipe.size)
            coordinates = coordinates_at(clicked.index, recipe.size, side)
            place = Place(tuple(recipe.seeds), coordinates, class_names=tuple(recipe.class_names))
            return point_at(place, recipe.weights.weights, recipe.config)

    def show_chosen(across: Any, down: Any, seeds: Any, weights: Any, **sampling: Any) -> Point:
        coordinates = reading.read_number("across", across), reading.read_number("down", down)
        corners, class_names = read_corners(seeds)
        place = Place(corners, coordinates, class_names=class_names)
        point = point_at(place, weights, reading.read_config(**sampling))
        return point._replace(across=gr.skip(), down=gr.skip())  # the visitor may have moved on

    def point_at(place: Place, weights: Any, config: SampleConfig) -> Point:
        """The picture there, told where it lies, and its recipe."""
        model = load_model(weights, runs_dir)
        recipe = Recipe("sample", Weights.of(model), config, place=place)
        *_, last = sample_at(model, place, config)
        across, down = place.coordinates
        where = f"across {across:g}, down {down:g}"
        name = file_name(f"plane-at-{across:g}-{down:g}", place.seeds, config.num_steps, "")
        path = save_picture(to_uint8(last.pred_images)[0], recipe.to_json(), name)
        picture = gr.Image(path, label=where.capitalize(), alt_text=f"The picture of the plane at {where}")
        return Point(across, down, picture, recipe.to_json())

    options: dict[str, Any] = {
        "show_progress": "minimal",
        "show_progress_on": plane.point,
        "trigger_mode": "always_last",
        "concurrency_limit": None,
        "api_visibility": "private",
    }
    outputs = list(Point(plane.across, plane.down, plane.point, column.recipe))
    inputs: dict[str, Component] = {"across": plane.across, "down": plane.down, "seeds": chosen.seeds}
    inputs |= {"weights": chosen.weights, **chosen.sampling.fields}
    clicked = plane.sheet.select(show_clicked, plane.made, outputs, **options)
    show_named = named(show_chosen, inputs)
    shown = plane.show.click(show_named, list(inputs.values()), outputs, preprocess=False, **options)
    return [event.success(mark, [plane.made, column.recipe], plane.mark, **PRIVATE) for event in (clicked, shown)]


def mark(made: export.Made | None, told: Mapping[str, Any]) -> str:
    """A ring around a point on the sheet of the plane that was made, if `told` is the recipe of a point there."""
    point = Recipe.from_json(told)
    if not (made and point.place and list(point.place.seeds) == list(made.recipe.seeds)):
        return ""
    if list(point.place.class_names) != list(made.recipe.class_names):
        return ""
    if (point.weights, point.config) != (made.recipe.weights, made.recipe.config):  # sampled in another way
        return ""
    size = made.recipe.size
    left, top = (100 * (0.5 + coordinate * (size - 1)) / size for coordinate in point.place.coordinates)
    return f'<span style="left: {left:.2f}%; top: {top:.2f}%"></span>'


def _sheet_of(pictures: np.ndarray, size: int) -> np.ndarray:
    """The pictures (size * size, H, W, 3) uint8 of a plane side by side, enlarged so that pixels stay square."""
    factor = _enlargement(pictures, size)
    return grid(pictures, size).repeat(factor, axis=0).repeat(factor, axis=1)


def _enlargement(pictures: np.ndarray, size: int) -> int:
    return -(-SHEET_SIDE // (size * pictures.shape[1]))
