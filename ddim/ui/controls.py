"""What the tabs share: settings as controls and as checked values, and models loaded behind the page."""

import html
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np

from ddim import checkpoints
from ddim.animation import MAX_FRAMES
from ddim.between_seeds import MAX_PLANE_SIZE
from ddim.images import to_pil
from ddim.noise import SEED_BOUND, seed_range
from ddim.sampling import SampleConfig
from ddim.schedule import MAX_SIGNAL_RATE, MIN_SIGNAL_RATE

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

SOLVERS = [
    ("DDIM", "ddim"),
    ("Heun, 2nd order, two evaluations a step", "heun"),
    ("Adams-Bashforth, 2nd order", "ab2"),
    ("Adams-Bashforth, 3rd order", "ab3"),
    ("Adams-Bashforth, 4th order", "ab4"),
    ("DPM-Solver++ 2M", "dpmpp2m"),
    ("UniPC-2", "unipc"),
]
VARIANCES = [("Posterior, as in Eq. 16", "posterior"), ("Large, sigma hat", "large")]
NO_WEIGHTS = ("no other weights", "")
VISITORS_AT_ONCE = 8
# What the page alone asks for, and nobody waits for.
PRIVATE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
NODE_PLACEMENTS = [("Reference: 1 to 1/N", "reference"), ("Inclusive: 1 to 0", "inclusive")]
# The fewest evaluations within the spread of the best of all (see weights/README.md), and the tutorial's choice.
PRESETS = {
    "UniPC-2, 10 steps": SampleConfig(num_steps=10, solver="unipc", node_placement="inclusive"),
    "DDIM, 20 steps": SampleConfig(),
}


class Number(NamedTuple):
    """A setting that is a number: its label, its bounds, and its step, an integer where it must be whole."""

    label: str
    minimum: float
    maximum: float
    step: float = 1


NUMBERS = {
    "seed": Number("Seed", 0, SEED_BOUND - 1),
    "num_images": Number("Pictures", 1, 64),
    "num_steps": Number("Steps", 1, 100),
    "eta": Number("Eta: fresh noise in each step", 0, 1, 0.05),
    "min_signal_rate": Number("Lowest signal rate", 0.001, 0.5, 0.001),
    "max_signal_rate": Number("Highest signal rate", 0.5, 1, 0.001),
    "frames": Number("Frames from stop to stop", 2, MAX_FRAMES),
    "size": Number("Rows and columns", 2, MAX_PLANE_SIZE),
    "across": Number("Across", 0, 1, 0.001),
    "down": Number("Down", 0, 1, 0.001),
}


class SamplingControls(NamedTuple):
    """Controls for the fields of SampleConfig, in their order, and a read-out; None where a tab does without."""

    num_steps: gr.Slider | None
    solver: gr.Dropdown | None
    eta: gr.Slider | None
    variance: gr.Dropdown | None
    node_placement: gr.Dropdown
    min_signal_rate: gr.Slider
    max_signal_rate: gr.Slider
    precision: gr.Textbox


def slider(name: str, value: float, **options: Any) -> gr.Slider:
    """A slider for one of NUMBERS."""
    return gr.Slider(value=value, buttons=[], **NUMBERS[name]._asdict(), **options)


def weights_selector(runs_dir: str | Path) -> gr.Dropdown:
    names = checkpoints.available(runs_dir)
    return gr.Dropdown(names, value=names[0] if names else None, label="Weights")


def choices_against(runs_dir: str | Path) -> list[str | tuple[str, str]]:
    """What weights can be compared against: other ones, or none."""
    return [NO_WEIGHTS, *checkpoints.available(runs_dir)]


def sampling_controls(
    weights: gr.Dropdown, presets: Mapping[str, SampleConfig] = MappingProxyType({}), without: Collection[str] = ()
) -> SamplingControls:
    """Lay out and wire how to sample, but for the fields `without`: steps, solver and eta in sight, the rest not.

    `presets` become buttons, but for their signal rates, and the page begins with the first of them. Signal rates are
    those that the weights were trained with.
    """

    def unless_without(name: str, lay_out: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return None if name in without else lay_out(*arguments, **options)

    default = next(iter(presets.values()), SampleConfig())
    with gr.Row(visible=bool(presets), elem_classes="chips"):
        buttons = {name: gr.Button(name, size="sm", min_width=80) for name in presets}
    num_steps = unless_without("num_steps", slider, "num_steps", default.num_steps)
    solver = unless_without("solver", _choice, SOLVERS, default.solver, "Solver")
    info = "0 is DDIM, 1 is DDPM. Only the solver DDIM can add noise."
    eta = unless_without("eta", slider, "eta", default.eta, info=info, interactive=default.solver == "ddim")
    with gr.Accordion("Advanced", open=False):
        label = "Variance of fresh noise, with eta above 0"
        variance = unless_without("variance", _choice, VARIANCES, default.variance, label)
        node_placement = _choice(NODE_PLACEMENTS, default.node_placement, "Diffusion times of N steps")
        rates = _first_rates(weights.value)
        min_signal_rate = slider("min_signal_rate", rates["min_signal_rate"])
        max_signal_rate = slider("max_signal_rate", rates["max_signal_rate"])
        precision = gr.Textbox(
            "chosen when the weights are loaded", label="Precision of the network", interactive=False
        )

    for name, button in buttons.items():
        chosen = {"num_steps": num_steps, "solver": solver, "eta": eta, "node_placement": node_placement}
        values = [getattr(presets[name], field) for field, control in chosen.items() if control]
        button.click(None, None, [control for control in chosen.values() if control], js=f"() => {values!r}", **PRIVATE)
    if solver and eta:
        solver.change(_eta_of_solver, solver, eta, **PRIVATE)
    # `input`, not `change`: an address that names weights brings signal rates of its own.
    weights.input(
        _rates_of_weights,
        weights,
        [min_signal_rate, max_signal_rate],
        show_progress="hidden",
        api_visibility="private",
    )
    return SamplingControls(
        num_steps, solver, eta, variance, node_placement, min_signal_rate, max_signal_rate, precision
    )


def tell_precision(event: Any, weights: gr.Dropdown, precision: gr.Textbox, runs_dir: str | Path) -> None:
    """Wire: after this event, such as `generated.success`, tell the precision that the network of `weights` runs in."""

    def read_precision(weights: str):
        return load_model(weights, runs_dir).engine.precision

    event(read_precision, weights, precision, **PRIVATE)


def _choice(choices: list[tuple[str, str]], value: str, label: str) -> gr.Dropdown:
    return gr.Dropdown(choices, value=value, label=label, filterable=False)


def _eta_of_solver(solver: str):
    return gr.Slider(interactive=True) if solver == "ddim" else gr.Slider(value=0, interactive=False)


def trained_rates(weights: str) -> dict[str, float]:
    """The lowest and the highest signal rate that these weights were trained with, by the names of their settings.

    Raises ValueError or OSError where there are no such weights or their card is damaged.
    """
    trained = checkpoints.read_card(checkpoints.find(weights))["model"]
    return {name: trained[name] for name in ("min_signal_rate", "max_signal_rate")}


def _first_rates(weights: str | None) -> dict[str, float]:
    """`trained_rates` of the weights that the page opens with; if they are damaged, whoever uses them is told."""
    try:
        return trained_rates(weights or "")
    except (ValueError, OSError):
        return {"min_signal_rate": MIN_SIGNAL_RATE, "max_signal_rate": MAX_SIGNAL_RATE}


def _rates_of_weights(weights: str) -> list[float]:
    with errors_shown():
        return list(trained_rates(weights).values())


@contextmanager
def errors_shown() -> Iterator[None]:
    """At the edge of the page: what is wrong with a request is told to the visitor who made it."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from error


def read_number(name: str, value: Any) -> float:
    """One of NUMBERS as it arrives: number, text or nothing. Raises ValueError outside of its bounds."""
    label, minimum, maximum, step = NUMBERS[name]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    is_whole = isinstance(step, int)
    if not minimum <= number <= maximum or (is_whole and not number.is_integer()):
        kind = "a whole number" if is_whole else "a number"
        name = label.split(":")[0]
        raise ValueError(f"{name} must be {kind} from {minimum} to {maximum}, but is {value!r}.")
    return int(number) if is_whole else number


def read_seeds(seed: Any, num_images: Any) -> list[int]:
    """The seeds of a request. Raises ValueError for numbers out of bounds."""
    return seed_range(read_number("seed", seed), read_number("num_images", num_images))


def read_config(*settings: Any) -> SampleConfig:
    """The fields of SampleConfig as they arrive, in their order, checked. Raises ValueError."""
    named = zip([field.name for field in fields(SampleConfig)], settings, strict=True)
    return SampleConfig(**{name: read_number(name, value) if name in NUMBERS else value for name, value in named})


def read_weights(name: Any, runs_dir: str | Path) -> str:
    """The name if `available` lists it, since visitors may not load files from anywhere. Raises ValueError."""
    names = checkpoints.available(runs_dir)
    if name not in names:
        raise ValueError(f"There are no weights {name!r}. There are: {', '.join(names) or 'none'}.")
    return name


_loading = threading.Lock()


def load_model(name: str, runs_dir: str | Path) -> "DiffusionModel":
    """The model with these weights, shared by all visitors; the two used last are kept.

    Raises ValueError or OSError where there are none or they are damaged.
    """
    stem = checkpoints.find(read_weights(name, runs_dir))
    with _loading:
        return _load(name, Path(f"{stem}{checkpoints.WEIGHTS_SUFFIX}").stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(name: str, modified: int) -> "DiffusionModel":
    return checkpoints.load(name)


def warm_up(runs_dir: str | Path) -> None:
    """Load the weights that the page opens with and compile the batches that visitors ask for first."""
    for name in checkpoints.available(runs_dir)[:1]:
        try:
            model = load_model(name, runs_dir)
        except (ValueError, OSError) as error:  # whoever presses the button is told as well
            print(error, file=sys.stderr)
        else:
            for num_images in (16, 1, 8):
                model.engine(np.zeros((num_images, *model.image_shape), np.float32), np.ones(num_images, np.float32))


def captioned(images: np.ndarray, recipes: Sequence[dict[str, Any]]) -> list[tuple[Any, str]]:
    """Pictures (B, H, W, C) uint8 for a gallery, each with its seed below and its recipe inside."""
    return [(to_pil(image, recipe), f"seed {recipe['seed']}") for image, recipe in zip(images, recipes, strict=True)]
