"""The seed plane of the tab Interpolate: a sheet of pictures between four seeds, any point of which can be seen."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np

from ddim.between_seeds import plane_points, recipe_at, recipe_of_plane, sample_at, sample_plane
from ddim.images import grid, to_uint8
from ddim.sampling import SampleConfig
from ddim.ui import again, controls, export, forming
from ddim.ui.interpolate_settings import Settings, read_config, read_corners

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

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


def lay_out() -> Plane:
    options = {"format": "png", "buttons": ["download", "fullscreen"], "interactive": False}
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
    run: forming.Run,
    settings: Settings,
    plane: Plane,
    column: again.Again,
    panel: export.Export,
    runs_dir: str | Path,
) -> gr.events.Dependency:
    """Wire the making of planes and return the event of a finished one."""

    def make_plane(seeds, size, weights, *sampling):
        with controls.errors_shown():
            corners, size = read_corners(seeds), controls.read_number("size", size)
            config = read_config(*sampling)
            model = controls.load_model(weights, runs_dir)
            yield from _show_forming(model, corners, size, config, plane.sheet)

    made = forming.wire(
        run,
        make_plane,
        [settings.seeds, settings.size, *settings.how_to_sample()],
        [plane.sheet, column.recipe, run.status, plane.made, plane.point, plane.mark],
        api_visibility="private",
    )
    export.wire(panel, plane.made, forming.save)
    return made


def wire_points(
    settings: Settings, plane: Plane, column: again.Again, runs_dir: str | Path
) -> list[gr.events.Dependency]:
    """Wire the choice of a point, by a click or by its coordinates, and return the events of pictures shown."""

    def show_clicked(made: forming.Made | None, clicked: gr.SelectData):
        with controls.errors_shown():
            if made is None:
                raise ValueError("There is no finished plane: make one, then choose a point. It is kept for an hour.")
            recipe = made.recipe
            side = made.frames.shape[1] * _enlargement(made.frames, recipe["size"])
            coordinates = coordinates_at(clicked.index, recipe["size"], side)
            config = SampleConfig(**{field.name: recipe[field.name] for field in fields(SampleConfig)})
            model = controls.load_model(recipe["weights"], runs_dir)
            return *coordinates, *_picture_at(model, recipe["seeds"], config, coordinates)

    def show_chosen(across, down, seeds, weights, *sampling):
        with controls.errors_shown():
            coordinates = controls.read_number("across", across), controls.read_number("down", down)
            corners, config = read_corners(seeds), read_config(*sampling)
            model = controls.load_model(weights, runs_dir)
            return _picture_at(model, corners, config, coordinates)

    options = {
        "show_progress": "minimal",
        "show_progress_on": plane.point,
        "trigger_mode": "always_last",
        "concurrency_id": "engine",
        "concurrency_limit": controls.VISITORS_AT_ONCE,
        "api_visibility": "private",
    }
    coordinates, shown = [plane.across, plane.down], [plane.point, column.recipe]
    inputs = [*coordinates, settings.seeds, *settings.how_to_sample()]
    clicked = plane.sheet.select(show_clicked, plane.made, [*coordinates, *shown], **options)
    chosen = plane.show.click(show_chosen, inputs, shown, preprocess=False, **options)
    return [
        event.success(mark, [plane.made, column.recipe], plane.mark, **controls.PRIVATE) for event in (clicked, chosen)
    ]


def mark(made: forming.Made | None, recipe: Mapping[str, Any]) -> str:
    """A ring around a point on the sheet of the plane that was made, if it is a point of this very plane."""
    noise = recipe.get("noise")
    if not (made and noise and noise["seeds"] == made.recipe["seeds"]):
        return ""
    if recipe != {**made.frame_recipes[0], "noise": noise}:  # sampled in another way
        return ""
    size = made.recipe["size"]
    left, top = (100 * (0.5 + coordinate * (size - 1)) / size for coordinate in noise["coordinates"])
    return f'<span style="left: {left:.2f}%; top: {top:.2f}%"></span>'


def coordinates_at(pixel: Sequence[float], size: int, side: float) -> tuple[float, float]:
    """The point (across, down) of a plane at this pixel (x, y) of its sheet.

    The sheet has `size` rows and columns of pictures that are `side` pixels wide and high. The centre of the top left
    one is (0, 0) and that of the bottom right one (1, 1); what lies beyond is as near as can be.
    """
    across, down = (round(min(max((place - side / 2) / (side * (size - 1)), 0), 1), 3) for place in pixel)
    return across, down


def _show_forming(
    model: "DiffusionModel", corners: tuple[int, ...], size: int, config: SampleConfig, view: gr.Image
) -> Iterator[tuple]:
    """Yield values for sheet, recipe, status, what is kept, and point and mark, of which there are none yet."""
    recipe, started = recipe_of_plane(model, config, corners, size), time.monotonic()
    steps = sample_plane(model, corners, size, **asdict(config))
    for shown in forming.show(steps, config.num_steps, size, view):
        yield shown.sheet, recipe, shown.progress, None, None, None
    pictures = to_uint8(shown.step.pred_images)
    made = forming.Made(pictures, recipe, [recipe_at(model, config, corners, point) for point in plane_points(size)])
    seconds = time.monotonic() - started
    result = f"{len(pictures)} pictures with {shown.step.nfe} network evaluations each in {seconds:.1f} seconds."
    yield forming.save_picture(_sheet_of(pictures, size), recipe, "plane", corners), recipe, result, made, None, None


def _sheet_of(pictures: np.ndarray, size: int) -> np.ndarray:
    """The pictures (size * size, H, W, 3) uint8 of a plane side by side, enlarged so that pixels stay square."""
    factor = _enlargement(pictures, size)
    return grid(pictures, size).repeat(factor, axis=0).repeat(factor, axis=1)


def _enlargement(pictures: np.ndarray, size: int) -> int:
    return -(-SHEET_SIDE // (size * pictures.shape[1]))


def _picture_at(
    model: "DiffusionModel", corners: Sequence[int], config: SampleConfig, coordinates: tuple[float, float]
) -> tuple[gr.Image, dict[str, Any]]:
    """The picture at a point of a plane, told where it lies, and its recipe."""
    recipe = recipe_at(model, config, corners, coordinates)
    *_, last = sample_at(model, recipe["noise"], **asdict(config))
    across, down = coordinates
    place = f"across {across:g}, down {down:g}"
    path = forming.save_picture(to_uint8(last.pred_images)[0], recipe, f"plane-at-{across:g}-{down:g}", corners)
    return gr.Image(path, label=place.capitalize(), alt_text=f"The picture of the plane at {place}"), recipe
