"""Settings as they arrive from visitors, addresses and callers of the API, checked: any may be text, or nonsense."""

from typing import Any, NamedTuple

from ddim.diffusion.noise import SEED_BOUND, seed_range
from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.plane import MAX_PLANE_SIZE
from ddim.media.animation import MAX_FRAMES
from ddim.model.weights import available


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
    "guidance": Number("Guidance", 0, 5, 0.05),
    "eta": Number("Eta: fresh noise in each step", 0, 1, 0.05),
    "min_signal_rate": Number("Lowest signal rate", 0.001, 0.5, 0.001),
    "max_signal_rate": Number("Highest signal rate", 0.5, 1, 0.001),
    "frames": Number("Frames from stop to stop", 2, MAX_FRAMES),
    "size": Number("Rows and columns", 2, MAX_PLANE_SIZE),
    "across": Number("Across", 0, 1, 0.001),
    "down": Number("Down", 0, 1, 0.001),
}


def read_number(name: str, value: Any) -> Any:
    """One of NUMBERS, an int where it must be whole and a float elsewhere. Raises UserError outside its bounds."""
    label, minimum, maximum, step = NUMBERS[name]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    is_whole = isinstance(step, int)
    if not minimum <= number <= maximum or (is_whole and not number.is_integer()):
        kind = "a whole number" if is_whole else "a number"
        name = label.split(":")[0]
        told = "is empty" if value in (None, "") else f"is {value!r}"
        raise UserError(f"{name} must be {kind} from {minimum} to {maximum}, but {told}.")
    return int(number) if is_whole else number


def read_seeds(seed: Any, num_images: Any) -> list[int]:
    """The seeds of a request. Raises UserError for numbers out of bounds."""
    return seed_range(read_number("seed", seed), read_number("num_images", num_images))


def read_config(**settings: Any) -> SampleConfig:
    """How to sample, from fields of SampleConfig, with its defaults for the others; no class is an empty text.

    Raises UserError.
    """
    values = {name: read_number(name, value) if name in NUMBERS else value for name, value in settings.items()}
    if "class_name" in values:
        values["class_name"] = values["class_name"] or None
    return SampleConfig(**values)


def read_switch(value: Any) -> bool:
    """True or false, or one of these words. Raises UserError for anything else."""
    if str(value).lower() not in ("true", "false"):
        raise UserError(f"This is either true or false, but is {value!r}.")
    return str(value).lower() == "true"


def read_weights(name: Any, runs_dir: str) -> str:
    """The name if `available` lists it, since visitors may not load files from anywhere. Raises UserError."""
    names = available(runs_dir)
    if name not in names:
        raise UserError(f"No weights are called {name!r}. There are: {', '.join(names) or 'none'}.")
    return name
