"""The settings of the tab Interpolate: its controls, how their values are read, and what a picture sent here does."""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from ddim.interpolate import MAX_STOPS, WalkConfig
from ddim.number_lists import parse_seeds
from ddim.sampling import SampleConfig
from ddim.ui import controls, recall

MODES = [("Walk from seed to seed", "walk"), ("Plane between four seeds", "plane")]
INTERPOLATIONS = [("Along the sphere (slerp)", "slerp"), ("Straight through it (lerp)", "lerp")]
EASINGS = [("Even", "linear"), ("Slower at each stop", "smooth")]
WHY_SPHERE = (
    "The straight way leaves the sphere that noise lies on, so half way the pictures fade: see it fail to see why."
)
WHY_NO_ETA = "Eta is 0 here: with fresh noise, neighbours would differ by chance and not by their place."
NUM_CORNERS = 4

# Seeds to begin with; in the browser, those of the mode that is left become those of the one that is chosen.
FIRST_SEEDS = {"walk": "3,8", "plane": "3,8,21,5"}
CHANGE_FIRST_SEEDS = f"""(mode, seeds) => {{
    const first = {json.dumps(FIRST_SEEDS)};
    return Object.values(first).includes(seeds) ? first[mode] : seeds;
}}"""


class Settings(NamedTuple):
    """What to make; frames to easing are those of a walk, size is that of a plane."""

    mode: gr.Radio
    seeds: gr.Textbox
    frames: gr.Slider
    loop: gr.Checkbox
    interpolation: gr.Radio
    easing: gr.Radio
    size: gr.Slider
    weights: gr.Dropdown
    sampling: controls.SamplingControls

    def how_to_sample(self) -> list[Any]:
        """The controls whose values `read_config` reads, and the weights before them."""
        sampling = self.sampling
        rates = [sampling.min_signal_rate, sampling.max_signal_rate]
        return [self.weights, sampling.num_steps, sampling.solver, sampling.node_placement, *rates]


def lay_out(runs_dir: str | Path) -> Settings:
    default = WalkConfig()
    with gr.Group():
        mode = gr.Radio(MODES, value="walk", label="What to make", interactive=True, elem_classes="mode")
        seeds = gr.Textbox(
            FIRST_SEEDS["walk"],
            label="Seeds",
            info="Of a walk the 2 to 8 stops, such as 3,8,21. Of a plane the 4 corners: top left, top right, bottom "
            "left, bottom right.",
        )
        with gr.Column(elem_classes="walk-only", variant="compact"):
            frames = controls.slider("frames", default.frames)
            loop = gr.Checkbox(default.loop, label="Loop: from the last stop back to the first")
            interpolation = gr.Radio(INTERPOLATIONS, value=default.interpolation, label="Way", info=WHY_SPHERE)
            easing = gr.Radio(EASINGS, value=default.easing, label="Pace")
        with gr.Column(elem_classes="plane-only", variant="compact"):
            size = controls.slider("size", 8)
        weights = controls.weights_selector(runs_dir)
        sampling = controls.sampling_controls(weights, controls.PRESETS, without=("eta", "variance"))
    gr.Markdown(WHY_NO_ETA, elem_classes="note")
    mode.input(None, [mode, seeds], seeds, js=CHANGE_FIRST_SEEDS, **controls.PRIVATE)
    return Settings(mode, seeds, frames, loop, interpolation, easing, size, weights, sampling)


def recalled(settings: Settings, runs_dir: str | Path) -> dict[str, recall.Setting]:
    """The settings by the names of addresses and recipes."""
    choices = {"interpolation": settings.interpolation, "easing": settings.easing}
    numbers = {"frames": settings.frames, "size": settings.size}
    return {
        "mode": recall.Setting(settings.mode, read_mode),
        "seeds": recall.Setting(settings.seeds, lambda value: _written(read_stops(value)), add_stop),
        "loop": recall.Setting(settings.loop, recall.read_switch),
        **{name: recall.Setting(control, partial(_read_choice, name)) for name, control in choices.items()},
        **{name: recall.Setting(control, partial(controls.read_number, name)) for name, control in numbers.items()},
        "weights": recall.weights_setting(settings.weights, runs_dir),
        **recall.sampling_settings(settings.sampling),
    }


def read_mode(value: Any) -> str:
    """ "walk" or "plane". Raises ValueError for anything else."""
    if value not in ("walk", "plane"):
        raise ValueError(f"mode must be walk or plane, but is {value!r}.")
    return value


def read_stops(value: Any) -> tuple[int, ...]:
    """The stops of a walk as they arrive, text or a list. Raises ValueError for other than 2 to 8 seeds."""
    return _read_seeds(value, at_least=2)


def read_corners(value: Any) -> tuple[int, ...]:
    """The corners of a plane as they arrive, text or a list. Raises ValueError for other than 4 seeds."""
    seeds = _read_seeds(value, at_least=1)
    if len(seeds) != NUM_CORNERS:
        raise ValueError(f"A plane has {NUM_CORNERS} seeds as its corners, but {len(seeds)} were given.")
    return seeds


def add_stop(held: Any, sent: Any) -> str:
    """The seeds after a picture was sent: it becomes the last stop, and of two stops the first one gives way.

    So sending one picture and then another makes the walk between these two. Several seeds sent replace all, as far as
    there is room.
    """
    seeds = parse_seeds(sent, 1, recall.MAX_SEEDS)[:MAX_STOPS]
    if len(seeds) > 1:
        return _written(seeds)
    stops = _read_seeds(held, at_least=1)
    kept = stops[1:] if len(stops) == 2 else stops[: MAX_STOPS - 1]
    return _written(kept + seeds)


def read_walk(frames: Any, loop: Any, interpolation: Any, easing: Any) -> WalkConfig:
    """How to walk, as it arrives. Raises ValueError."""
    return WalkConfig(controls.read_number("frames", frames), recall.read_switch(loop), interpolation, easing)


def read_config(num_steps: Any, solver: Any, node_placement: Any, *signal_rates: Any) -> SampleConfig:
    """How to sample, as it arrives, without fresh noise. Raises ValueError."""
    default = SampleConfig()
    return controls.read_config(num_steps, solver, default.eta, default.variance, node_placement, *signal_rates)


def _read_choice(name: str, value: Any) -> Any:
    return getattr(WalkConfig(**{name: value}), name)


def _read_seeds(value: Any, at_least: int) -> tuple[int, ...]:
    return parse_seeds(value, at_least, MAX_STOPS)


def _written(seeds: tuple[int, ...]) -> str:
    return ",".join(map(str, seeds))
