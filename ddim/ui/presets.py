"""Ways of sampling at the press of a button: fast, good, reference, and the one that weights have learned for."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from ddim.diffusion.sampling import FEW_STEPS, SampleConfig, SolverName
from ddim.diffusion.schedule import MAX_SIGNAL_RATE, MIN_SIGNAL_RATE
from ddim.errors import UserError
from ddim.ui.handlers import PRIVATE
from ddim.ui.models import own_settings, student_of

# The fewest evaluations within the spread of the best of all (see weights/README.md), half of them, and the tutorial's.
PRESETS = {
    "Good": FEW_STEPS,
    "Fast": dataclasses.replace(FEW_STEPS, num_steps=5),
    "Reference": SampleConfig(),
}
PRESETS_INFO = "Fast and good are UniPC-2 in 5 and 10 steps; reference is the tutorial's DDIM in 20."


def wire_presets(
    weights: gr.Dropdown, fields: Mapping[str, Component], presets: Mapping[gr.Button, SampleConfig]
) -> None:
    """Wire: a preset sets all of its way of sampling, on the nodes that suit the weights."""
    names = [name for name in ("num_steps", "solver", "eta", "node_placement") if name in fields]

    def set_preset(preset: SampleConfig, weights: str) -> list[Any]:
        own = first_settings(weights, preset.solver)
        nodes = {} if "solver" in own else {name: own[name] for name in ("node_placement",) if name in own}
        way = {**dataclasses.asdict(preset), **nodes}
        return [way[name] for name in names]

    for button, preset in presets.items():
        button.click(partial(set_preset, preset), weights, [fields[name] for name in names], **PRIVATE)


def fast_button(weights: str | None) -> gr.Button:
    """A button for the weights that do in few steps what these do; hidden where there are none."""
    try:
        student = student_of(weights or "")
    except (UserError, OSError):  # whoever uses these weights will be told
        student = None
    label = f"Fast, {own_settings(student)['num_steps']} steps" if student else "Fast"
    return gr.Button(label, visible=student is not None, size="sm", min_width=80)


def first_settings(weights: str | None, solver: SolverName = FEW_STEPS.solver) -> dict[str, Any]:
    """`own_settings` of these weights for controls to begin with; if damaged, whoever uses them will be told."""
    try:
        return own_settings(weights or "", solver)
    except (UserError, OSError):
        return {"min_signal_rate": MIN_SIGNAL_RATE, "max_signal_rate": MAX_SIGNAL_RATE, "guidance": 1.0}
