"""The seed plane of the tab Interpolate: a sheet of pictures between four seeds, any point of which can be seen."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.components import Component
from gradio.events import Dependency

from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.plane import Place, sample_at, sample_plane
from ddim.making.recipe import Recipe, Weights
from ddim.media.animation import file_name
from ddim.media.images import grid, to_uint8
from ddim.model.diffusion_model import DiffusionModel
from ddim.ui import controls, export, live_view, reading, reproduce, run_button
from ddim.ui.gradio_cache import save_picture
from ddim.ui.handlers import HIDDEN, PRIVATE, named
from ddim.ui.limits import check_work
from ddim.ui.models import load_model, load_suited
from ddim.ui.tabs.interpolate import explorer
from ddim.ui.tabs.interpolate.settings import Controls, read_corners

HINT = (
    "Drag on the plane, or move its ring by the arrow keys, or set a point here. The centre of the top left picture is "
    "across 0 and down 0, that of the bottom right one is across 1 and down 1."
)

# The sheet is at least as wide as it is ever shown, so that its pixels stay square.
SHEET_SIDE = 1024


class Plane(NamedTuple):
    """The sheet with a point on it, which may be dragged, its picture and coordinates, and what is kept for export.

    `draft` is the latest picture of few steps, out of sight: the explorer blends it in.
    """

    sheet: gr.Image
    explorer: gr.HTML
    draft: gr.HTML
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
    explorer: Any
    draft: Any


class Point(NamedTuple):
    """What a point of the plane shows: its components, or what they shall hold."""

    picture: Any
    recipe: Any


def lay_out() -> Plane:
    """Lay out the sheet, and beside it the picture at a point."""
    options: dict[str, Any] = {"format": "png", "buttons": ["download", "fullscreen"], "interactive": False}
    with gr.Row(elem_classes="plane"):
        sheet = gr.Image(
            label="The plane",
            show_label=False,  # so that the ring is where it should be
            alt_text="Pictures between four seeds, which are at the corners",
            elem_classes="plane-sheet",
            **options,
        )
        point = gr.Image(label="The point chosen", elem_classes="plane-point", **options)
        explored, draft = explorer.lay_out(), gr.HTML(elem_classes="plane-draft")
        with gr.Column(elem_classes="plane-chosen"):
            gr.Markdown(HINT, elem_classes="note")
            across, down = controls.slider("across", 0.5), controls.slider("down", 0.5)
            show = gr.Button("Show this point", size="sm", elem_classes="show-point")
    return Plane(sheet, explored, draft, point, across, down, show, gr.State(time_to_live=export.SECONDS_KEPT))


def wire(
    run: run_button.RunButton,
    chosen: Controls,
    plane: Plane,
    column: reproduce.Column,
    panel: export.Export,
    runs_dir: str,
) -> tuple[Dependency, reproduce.FirstResult]:
    """Wire the making of planes, and return the event of a finished one, and how one that ships is shown."""

    def make_plane(seeds: Any, size: Any, weights: Any, **sampling: Any) -> Iterator[View]:
        (corners, class_names), size = read_corners(seeds), reading.read_number("size", size)
        config = reading.read_config(**sampling)
        check_work(size**2, config.nfe)
        model, config = load_suited(weights, runs_dir, config)
        recipe = Recipe("plane", Weights.of(model), config, corners, class_names, size=size)
        started = time.monotonic()
        shown = _shown(recipe)
        draw = partial(live_view.sheet_of_step, columns=size)
        forming = sample_plane(model, corners, size, config, class_names)
        for moment in live_view.follow(forming, config.num_steps, draw):
            yield shown._replace(sheet=moment.drawn, status=moment.progress)
        pictures, seconds = to_uint8(moment.step.pred_images), time.monotonic() - started
        evaluations = f"{moment.step.nfe} network evaluations each in {seconds:.1f} seconds."
        yield _finished(recipe, pictures)._replace(status=f"{len(pictures)} pictures with {evaluations}")

    inputs = {"seeds": chosen.seeds, "size": chosen.size, "weights": chosen.weights, **chosen.sampling.fields}
    view = View(plane.sheet, column.recipe, run.status, plane.made, plane.point, plane.explorer, plane.draft)
    made = run_button.wire(run, make_plane, inputs, view, api_visibility="private")
    coordinates = [plane.across, plane.down]
    for event in (plane.made.change, plane.across.input, plane.down.input):
        event(None, [plane.explorer, *coordinates], plane.explorer, js=explorer.FOLLOW, **PRIVATE)
    export.wire(panel, plane.made)
    return made, reproduce.FirstResult(_first_result, view, run.start)


def _first_result(model: DiffusionModel, recipe: Recipe, pictures: np.ndarray) -> View:
    return _finished(recipe, pictures)


def _shown(recipe: Recipe) -> View:
    """What is shown while a plane forms, but for the sheet; its status is left as it is."""
    return View(None, recipe.to_json(), gr.skip(), None, None, None, None)


def _finished(recipe: Recipe, pictures: np.ndarray) -> View:
    """What is shown of a finished plane, its pictures (size * size, H, W, 3) uint8; its status is left as it is."""
    size, name = recipe.size, file_name("plane", recipe.seeds, recipe.config.num_steps, "")
    return _shown(recipe)._replace(
        sheet=save_picture(_sheet_of(pictures, size), recipe.to_json(), name),
        made=export.Made(pictures, recipe, recipe.pictures()),
        explorer={"size": size, "is_exact": False, "ring": True},
    )


def wire_points(chosen: Controls, plane: Plane, column: reproduce.Column, runs_dir: str) -> list[Dependency]:
    """Wire the choice of a point, on the plane or by its coordinates, and return the events of pictures shown."""

    def show_draft(made: export.Made | None, across: Any, down: Any) -> Any:
        if made is None:  # whoever lets go will be told
            return gr.skip()
        place, config = place_on(made.recipe, across, down), explorer.draft_config(made.recipe.config)
        model = load_model(made.recipe.weights.weights or "", runs_dir)
        *_, last = sample_at(model, place, config)
        return explorer.draft_of(to_uint8(last.pred_images)[0], *place.coordinates)

    def show_explored(made: export.Made | None, across: Any, down: Any) -> Point:
        if made is None:
            raise UserError("There is no finished plane: make one, then choose a point. It is kept for an hour.")
        recipe = made.recipe
        return point_at(place_on(recipe, across, down), recipe.weights.weights, recipe.config)

    def show_chosen(across: Any, down: Any, seeds: Any, weights: Any, **sampling: Any) -> Point:
        coordinates = reading.read_number("across", across), reading.read_number("down", down)
        corners, class_names = read_corners(seeds)
        place = Place(corners, coordinates, class_names=class_names)
        return point_at(place, weights, reading.read_config(**sampling))

    def place_on(recipe: Recipe, across: Any, down: Any) -> Place:
        coordinates = reading.read_number("across", across), reading.read_number("down", down)
        return Place(tuple(recipe.seeds), coordinates, class_names=tuple(recipe.class_names))

    def point_at(place: Place, weights: Any, config: SampleConfig) -> Point:
        """The picture there, told where it lies, and its recipe."""
        model, config = load_suited(weights, runs_dir, config)
        recipe = Recipe("sample", Weights.of(model), config, place=place)
        *_, last = sample_at(model, place, config)
        across, down = place.coordinates
        where = f"across {across:g}, down {down:g}"
        name = file_name(f"plane-at-{across:g}-{down:g}", place.seeds, config.num_steps, "")
        path = save_picture(to_uint8(last.pred_images)[0], recipe.to_json(), name)
        picture = gr.Image(path, label=where.capitalize(), alt_text=f"The picture of the plane at {where}")
        return Point(picture, recipe.to_json())

    # The browser has one question under way, and then asks the last of those that came up meanwhile.
    options: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": None, "api_visibility": "private"}
    waiting = options | {"show_progress": "minimal", "show_progress_on": plane.point}
    outputs = list(Point(plane.point, column.recipe))
    coordinates: dict[str, Component] = {"across": plane.across, "down": plane.down}
    on_plane = [plane.made, *coordinates.values()]
    moved, let_go = (
        event(None, plane.explorer, list(coordinates.values()), js=explorer.COORDINATES, **PRIVATE)
        for event in (plane.explorer.input, plane.explorer.select)
    )
    moved.then(show_draft, on_plane, plane.draft, **HIDDEN, **options)
    explored = let_go.then(show_explored, on_plane, outputs, **waiting)
    inputs = {**coordinates, "seeds": chosen.seeds, "weights": chosen.weights, **chosen.sampling.fields}
    shown = plane.show.click(named(show_chosen, inputs), list(inputs.values()), outputs, preprocess=False, **waiting)
    told = [plane.made, column.recipe]
    return [event.success(explorer.explored, told, plane.explorer, **PRIVATE) for event in (explored, shown)]


def _sheet_of(pictures: np.ndarray, size: int) -> np.ndarray:
    """The pictures (size * size, H, W, 3) uint8 of a plane side by side, enlarged so that pixels stay square."""
    factor = _enlargement(pictures, size)
    return grid(pictures, size).repeat(factor, axis=0).repeat(factor, axis=1)


def _enlargement(pictures: np.ndarray, size: int) -> int:
    return -(-SHEET_SIDE // (size * pictures.shape[1]))
