"""Controls that several tabs have: weights, how to sample, and pictures for a gallery."""

import dataclasses
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.components import Component

from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.recipe import Recipe
from ddim.model.weights import available
from ddim.ui import species
from ddim.ui.gradio_cache import save_picture
from ddim.ui.handlers import PRIVATE
from ddim.ui.models import class_names_of, load_model, own_settings, student_of
from ddim.ui.presets import PRESETS, PRESETS_INFO, fast_button, first_settings, wire_presets
from ddim.ui.reading import NUMBERS

SOLVERS = [
    ("DDIM", "ddim"),
    ("Heun, 2nd order, two evaluations a step", "heun"),
    ("Adams-Bashforth, 2nd order", "ab2"),
    ("Adams-Bashforth, 3rd order", "ab3"),
    ("Adams-Bashforth, 4th order", "ab4"),
    ("DPM-Solver++ 2M", "dpmpp2m"),
    ("UniPC-2", "unipc"),
]
GUIDANCE_INFO = "1 asks for the species and no more; above, pictures look more like it, and more like each other."
VARIANCES = [("Posterior, as in Eq. 16", "posterior"), ("Large, sigma hat", "large")]
NODE_PLACEMENTS = [
    ("Reference: 1 to 1/N", "reference"),
    ("Inclusive: 1 to 0", "inclusive"),
    ("Early: 1 to 0, closer together in the noise", "early"),
]
NO_WEIGHTS = ("no other weights", "")
ANY_CLASS = ("Any species", "")
SOLVER_INFO = "How a step follows the network's guess. DDIM is the simplest; the others come as near in fewer steps."
ETA_INFO = "0 is DDIM, 1 is DDPM. Only the solver DDIM can add noise."
VARIANCE_INFO = "Large puts back more noise than a step took away, as DDPM can; it wants many steps."
NODES_INFO = "Where on the way the network is asked. Inclusive goes to the very end, and is better with few steps."
RATES_INFO = {
    "min_signal_rate": "How much picture the first noise is taken to hold. The weights' own suits them best.",
    "max_signal_rate": "How much picture the last step is to reach: below 1, a little of the noise stays.",
}


class SamplingControls(NamedTuple):
    """Controls for those fields of SampleConfig that a tab has, by their names, and a read-out."""

    fields: dict[str, Any]
    precision: gr.Textbox


def slider(name: str, value: float, **options: Any) -> gr.Slider:
    """A slider for one of NUMBERS."""
    return gr.Slider(value=value, buttons=[], **NUMBERS[name]._asdict(), **options)


def weights_selector(runs_dir: str) -> gr.Dropdown:
    """A choice of all weights that there are, with the first one chosen."""
    choices = weights_choices(runs_dir)
    return gr.Dropdown(choices, value=choices[0][1] if choices else None, label="Weights")


def weights_choices(runs_dir: str) -> list[tuple[str, str]]:
    """All weights that there are, each run by its name alone: where it lies concerns nobody."""
    labels: dict[str, str] = {}
    for weights in available(runs_dir):  # shipped ones first
        label = PurePath(weights).name
        labels[f"{label}, a run" if label in labels else label] = weights
    return list(labels.items())


def choices_against(runs_dir: str) -> list[tuple[str, str]]:
    """What weights can be compared against: other ones, or none."""
    return [NO_WEIGHTS, *weights_choices(runs_dir)]


def sampling_controls(
    weights: gr.Dropdown, presets: Mapping[str, SampleConfig] = MappingProxyType({}), without: Collection[str] = ()
) -> SamplingControls:
    """Lay out and wire how to sample, except the fields in `without`: presets and steps in sight, the rest below.

    Weights with classes can be asked for one. `presets` become buttons, fewest steps first, without their signal rates,
    and the page begins with the first of them. Signal rates and guidance are the weights' own, as are nodes where
    their card has some; those that have learned to do with few steps bring these too. A button changes to them from the
    weights that they have learned from.
    """
    fields: dict[str, Any] = {}

    def add(name: str, lay_out: Callable[..., Component], *arguments: Any, **options: Any) -> None:
        if name not in without:
            fields[name] = lay_out(*arguments, **options)

    default = next(iter(presets.values()), SampleConfig())
    own = first_settings(weights.value, default.solver)
    usual = {name: getattr(default, name) for name in ("num_steps", "solver", "node_placement")}
    first = {**usual, **own}
    if "class_name" not in without:
        fields |= _lay_out_classes(weights, own["guidance"])
    with gr.Row(visible=bool(presets), elem_classes="chips"):
        in_order = sorted(presets, key=lambda name: presets[name].num_steps)
        fast = fast_button(weights.value)
        buttons = {name: gr.Button(name, size="sm", min_width=80) for name in in_order}
    add("num_steps", slider, "num_steps", first["num_steps"], info=PRESETS_INFO if presets is PRESETS else None)
    with gr.Accordion("Advanced", open=False):
        add("solver", _choice, SOLVERS, first["solver"], "Solver", SOLVER_INFO)
        add("eta", slider, "eta", default.eta, info=ETA_INFO, interactive=first["solver"] == "ddim")
        label = "Variance of fresh noise, with eta above 0"
        add("variance", _choice, VARIANCES, default.variance, label, VARIANCE_INFO)
        label = "Diffusion times of N steps"
        add("node_placement", _choice, NODE_PLACEMENTS, first["node_placement"], label, NODES_INFO)
        for name, info in RATES_INFO.items():
            add(name, slider, name, first[name], info=info)
        precision = gr.Textbox(
            "chosen when the weights are loaded",
            label="What runs the network, in which precision",
            info="The quickest that is installed here: Keras or OpenVINO, in float32, or half of it where that agrees.",
            interactive=False,
        )
    wire_presets(weights, fields, {button: presets[name] for name, button in buttons.items()})
    if "solver" in fields and "eta" in fields:
        fields["solver"].change(eta_for, fields["solver"], fields["eta"], **PRIVATE)
    own_fields = [name for name in first if name in fields]

    def settings_of_weights(weights: str) -> list[Any]:
        own = {**usual, **own_settings(weights, default.solver)}
        return [own[name] for name in own_fields]

    def settings_of_student(weights: str) -> list[Any]:
        student = student_of(weights) or weights
        return [student, *settings_of_weights(student)]

    # `input`, not `change`: an address that names weights brings settings of its own.
    brought = [fields[name] for name in own_fields]
    weights.input(settings_of_weights, weights, brought, **PRIVATE)
    fast.click(settings_of_student, weights, [weights, *brought], **PRIVATE)
    weights.change(fast_button, weights, fast, **PRIVATE)
    names = [field.name for field in dataclasses.fields(SampleConfig) if field.name in fields]
    return SamplingControls({name: fields[name] for name in names}, precision)


def class_choices(weights: str | None) -> list[tuple[str, str]]:
    """What these weights can be asked for, in alphabetical order, and any class; damaged weights know none."""
    try:
        names = sorted(class_names_of(weights or ""))
    except (UserError, OSError):
        names = []
    return [ANY_CLASS, *((species.shown_class(name), name) for name in names)]


def _lay_out_classes(weights: gr.Dropdown, guidance: float) -> dict[str, Component]:
    """Lay out and wire which class to ask for and how far to follow it; hidden while the weights have no classes."""

    def choices_of(weights: str) -> tuple[gr.Column, gr.Dropdown, str]:
        choices = class_choices(weights)
        return gr.Column(visible=len(choices) > 1), gr.Dropdown(choices), species.show(weights)

    def draw_class(weights: str) -> str:
        if not (names := class_names_of(weights)):
            raise UserError(f"{weights} knows no species to choose from.")
        return random.choice(names)

    def chosen_class(chosen: gr.EventData) -> str:
        return str(getattr(chosen, "name", ""))

    choices = class_choices(weights.value)
    with gr.Column(visible=len(choices) > 1, variant="compact", elem_classes="classes") as asked:
        with gr.Row(elem_classes="class"):
            class_name = gr.Dropdown(choices, value=ANY_CLASS[1], label="Species", min_width=160)
            surprise = gr.Button("Surprise me", size="sm", min_width=80)
        with gr.Accordion("Choose by picture", open=False):
            pictures = species.lay_out(weights.value)
        strength = slider("guidance", guidance, info=GUIDANCE_INFO)
    weights.change(choices_of, weights, [asked, class_name, pictures], **PRIVATE)
    pictures.select(chosen_class, None, class_name, **PRIVATE)
    weights.input(None, None, class_name, js=f"() => '{ANY_CLASS[1]}'", **PRIVATE)
    surprise.click(draw_class, weights, class_name, **PRIVATE)
    return {"class_name": class_name, "guidance": strength}


def with_weights_after_eta(sampling: SamplingControls, **weights: Component) -> dict[str, Component]:
    """Inputs of a handler in the order that callers of the API know: weights after steps, solver and eta."""
    up_to_eta = {name: control for name, control in sampling.fields.items() if name in ("num_steps", "solver", "eta")}
    return {**up_to_eta, **weights, **sampling.fields}


def eta_for(solver: str) -> gr.Slider:
    """The slider of eta, as it is with this solver."""
    return gr.Slider(interactive=True) if solver == "ddim" else gr.Slider(value=0, interactive=False)


def tell_precision(event: Any, weights: gr.Dropdown, precision: gr.Textbox, runs_dir: str) -> None:
    """Wire: after this event, such as `generated.success`, show what runs the network of `weights`."""

    def read_precision(weights: str) -> str:
        engine = load_model(weights, runs_dir).engine
        return f"{engine.name}, {engine.precision}"

    event(read_precision, weights, precision, **PRIVATE)


def captioned(images: np.ndarray, recipes: Sequence[Recipe]) -> list[tuple[str, str]]:
    """Pictures (B, H, W, C) uint8 for a gallery, as files named by their seeds: the recipe inside, the seed below."""
    return [
        (save_picture(image, recipe.to_json(), f"ddim-seed{recipe.seeds[0]}"), f"seed {recipe.seeds[0]}")
        for image, recipe in zip(images, recipes, strict=True)
    ]


def _choice(choices: list[tuple[str, str]], value: str, label: str, info: str) -> gr.Dropdown:
    return gr.Dropdown(choices, value=value, label=label, info=info, filterable=False)
