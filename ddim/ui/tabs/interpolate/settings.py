"""The settings of the tab Interpolate: its controls, how their values are read, and what a picture sent here does."""

import json
import random
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from ddim.errors import UserError
from ddim.making.plane import Stops, parse_stops
from ddim.making.walk import MAX_STOPS, WalkConfig
from ddim.ui import controls, presets
from ddim.ui.handlers import PRIVATE, REFUSING
from ddim.ui.models import class_names_of
from ddim.ui.reading import read_number, read_switch
from ddim.ui.settings import MAX_SEEDS, Setting, sampling_settings, weights_setting

MODES = [("Walk from seed to seed", "walk"), ("Plane between four seeds", "plane")]
INTERPOLATIONS = [("Along the sphere (slerp)", "slerp"), ("Straight through it (lerp)", "lerp")]
EASINGS = [("Even", "linear"), ("Slower at each stop", "smooth")]
WHY_SPHERE = (
    "The straight way leaves the sphere that noise lies on, so pictures fade halfway: try it to see why it fails."
)
WHY_NO_ETA = "Eta is 0 here: with fresh noise, neighbours would differ by chance, not by their place."
NUM_CORNERS = 4

# Seeds to begin with; in the browser, those of the mode that is left become those of the one that is chosen. An address
# may choose the plane alone, which the seeds of a walk would not do for.
FIRST_SEEDS = {"walk": "3,8", "plane": "3,8,21,5"}
BRING_CORNERS = f"""(mode, seeds) => {{
    const first = {json.dumps(FIRST_SEEDS)};
    return mode === "plane" && seeds === first.walk ? first.plane : seeds;
}}"""
CHANGE_FIRST_SEEDS = f"""(mode, seeds) => {{
    const first = {json.dumps(FIRST_SEEDS)};
    return Object.values(first).includes(seeds) ? first[mode] : seeds;
}}"""


class Controls(NamedTuple):
    """What to make; `walk` has the fields of WalkConfig by their names, `size` is that of a plane."""

    mode: gr.Radio
    seeds: gr.Textbox
    walk: dict[str, Any]
    size: gr.Slider
    weights: gr.Dropdown
    sampling: controls.SamplingControls


def lay_out(runs_dir: str) -> Controls:
    """Lay out and wire the controls."""
    default = WalkConfig()
    with gr.Group():
        mode = gr.Radio(MODES, value="walk", label="What to make", interactive=True, elem_classes="mode")
        seeds = gr.Textbox(
            FIRST_SEEDS["walk"],
            label="Seeds",
            info="For a walk, its 2 to 8 stops, such as 3,8,21. For a plane, its 4 corners: top left, top right, "
            "bottom left, bottom right. Each may have a species of its own: 3:rose,8:sunflower.",
        )
        between_classes = gr.Button("From species to species", size="sm", visible=False)
        with gr.Column(elem_classes="walk-only", variant="compact"):
            walk = {
                "frames": controls.slider("frames", default.frames),
                "loop": gr.Checkbox(default.loop, label="Loop: from the last stop back to the first"),
                "interpolation": gr.Radio(INTERPOLATIONS, value=default.interpolation, label="Path", info=WHY_SPHERE),
                "easing": gr.Radio(EASINGS, value=default.easing, label="Pace"),
            }
        with gr.Column(elem_classes="plane-only", variant="compact"):
            size = controls.slider("size", 8)
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, presets.PRESETS, without=("eta", "variance"))
    gr.Markdown(WHY_NO_ETA, elem_classes="note")
    _wire_classes(between_classes, seeds, weights)
    mode.change(None, [mode, seeds], seeds, js=BRING_CORNERS, **PRIVATE)
    mode.input(None, [mode, seeds], seeds, js=CHANGE_FIRST_SEEDS, **PRIVATE)
    return Controls(mode, seeds, walk, size, weights, sampling)


def _wire_classes(between_classes: gr.Button, seeds: gr.Textbox, weights: gr.Dropdown) -> None:
    """Where weights have classes, a button gives each seed one of its own."""

    def with_classes(held: str, weights: str) -> str:
        stops, names = parse_stops(held, 1, MAX_STOPS).seeds, class_names_of(weights)
        if len(names) < len(stops):
            raise UserError(f"{weights} knows {len(names)} species, too few for {len(stops)} seeds.")
        return Stops(stops, tuple(random.sample(names, k=len(stops)))).written()

    def has_enough(weights: str) -> bool:
        return len(controls.class_choices(weights)) > MAX_STOPS

    between_classes.visible = has_enough(weights.value)  # here, gr.Button would lay out another one
    weights.change(lambda weights: gr.Button(visible=has_enough(weights)), weights, between_classes, **PRIVATE)
    between_classes.click(with_classes, [seeds, weights], seeds, **REFUSING)


def settings_of(chosen: Controls, runs_dir: str) -> dict[str, Setting]:
    """The settings by the names of addresses and recipes."""
    return {
        "mode": Setting(chosen.mode, read_mode),
        "seeds": Setting(chosen.seeds, lambda value: read_stops(value).written(), add_stop),
        **{name: Setting(control, partial(_read_of_walk, name)) for name, control in chosen.walk.items()},
        "size": Setting(chosen.size, partial(read_number, "size")),
        "weights": weights_setting(chosen.weights, runs_dir),
        **sampling_settings(chosen.sampling),
    }


def read_mode(value: Any) -> str:
    """The mode, "walk" or "plane". Raises UserError for anything else."""
    if value not in ("walk", "plane"):
        raise UserError(f"mode must be walk or plane, but is {value!r}.")
    return value


def read_stops(value: Any) -> Stops:
    """The stops of a walk as they arrive, text or a list. Raises UserError unless there are 2 to 8 seeds."""
    return parse_stops(value, 2, MAX_STOPS)


def read_corners(value: Any) -> Stops:
    """The corners of a plane as they arrive, text or a list. Raises UserError unless there are 4 seeds."""
    corners = parse_stops(value, 1, MAX_STOPS)
    if len(corners.seeds) != NUM_CORNERS:
        raise UserError(f"A plane has {NUM_CORNERS} seeds as its corners, but {len(corners.seeds)} were given.")
    return corners


def add_stop(held: Any, sent: Any) -> str:
    """The seeds after a picture is sent: it becomes the last stop, and if there were two, the first one gives way.

    So sending one picture and then another makes a walk between them. If several seeds are sent, they replace all.
    """
    new = parse_stops(sent, 1, MAX_SEEDS).first(MAX_STOPS)
    if len(new.seeds) > 1:
        return new.written()
    stops = parse_stops(held, 1, MAX_STOPS).written().split(",")
    kept = stops[1:] if len(stops) == 2 else stops[: MAX_STOPS - 1]
    return ",".join([*kept, new.written()])


def read_walk(frames: Any, loop: Any, interpolation: Any, easing: Any) -> WalkConfig:
    """How to walk, as it arrives. Raises UserError."""
    return WalkConfig(read_number("frames", frames), read_switch(loop), interpolation, easing)


def _read_of_walk(name: str, value: Any) -> Any:
    if name == "frames":
        return read_number("frames", value)
    return read_switch(value) if name == "loop" else getattr(WalkConfig(**{name: value}), name)
