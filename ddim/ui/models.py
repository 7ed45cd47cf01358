"""Models behind the page, shared by all visitors."""

import sys
import threading
from functools import lru_cache
from pathlib import Path

from ddim.errors import UserError
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.weights import WEIGHTS_SUFFIX, available, find, load, read_card
from ddim.ui.reading import read_weights

_loading = threading.Lock()


def load_model(name: str, runs_dir: str) -> DiffusionModel:
    """The model with these weights; the last two used are kept. Raises UserError or OSError if missing or damaged."""
    stem = find(read_weights(name, runs_dir))
    with _loading:
        return _load(name, Path(f"{stem}{WEIGHTS_SUFFIX}").stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(name: str, modified: int) -> DiffusionModel:
    return load(name)


def own_settings(weights: str) -> dict[str, float]:
    """How to sample with these weights unless told otherwise: the signal rates of their training, and guidance.

    Raises UserError or OSError where there are no such weights or their card is damaged.
    """
    card = read_card(find(weights or ""))
    rates = {name: card["model"][name] for name in ("min_signal_rate", "max_signal_rate")}
    return {**rates, "guidance": card.get("guidance", 1.0)}


def class_names_of(weights: str) -> list[str]:
    """The classes that these weights can be asked for, the most frequent first. Raises as `own_settings` does."""
    classes = read_card(find(weights or "")).get("classes", {})
    return sorted(classes, key=lambda name: -classes[name])


def warm_up(runs_dir: str) -> None:
    """Load the weights that the page opens with and compile the batches that visitors ask for first."""
    for name in available(runs_dir)[:1]:
        try:
            model = load_model(name, runs_dir)
        except (UserError, OSError) as error:  # whoever presses the button is told as well
            print(error, file=sys.stderr)
        else:
            for num_images in (16, 1, 8):
                model.warm_up(num_images)
