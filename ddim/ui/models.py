"""Models behind the page, shared by all visitors."""

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ddim.diffusion.sampling import BEST_NODE_PLACEMENTS, FEW_STEPS, SampleConfig, SolverName
from ddim.errors import UserError
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.weights import WEIGHTS_SUFFIX, available, find, load, own_sampling, read_card, shipped
from ddim.ui.reading import read_weights

MAX_BYTES = 1 << 30  # of the weights of all models that are kept
COPIES = 2  # of a file in memory: the float32 network, and the engine's own


class _Kept(NamedTuple):
    """A model that is kept, or is being loaded: of a file of which date, and with how much memory."""

    modified: int
    num_bytes: int
    model: Future[DiffusionModel]


_lock = threading.Lock()
_kept: dict[str, _Kept] = {}  # by name, the one used last at the end


def load_model(name: str, runs_dir: str) -> DiffusionModel:
    """The model with these weights, loaded once for all who ask. Raises UserError or OSError if missing or damaged.

    Those used last are kept, as many as have a gigabyte of weights together, but always one.
    """
    stem = find(read_weights(name, runs_dir))
    file = Path(f"{stem}{WEIGHTS_SUFFIX}").stat()
    with _lock:
        kept = _kept.pop(name, None)
        is_new = kept is None or kept.modified != file.st_mtime_ns
        if kept is None or is_new:
            kept = _Kept(file.st_mtime_ns, COPIES * file.st_size, Future())
        _kept[name] = kept
    if is_new:  # without the lock, so that nobody waits who wants other weights
        _load(name, kept)
    return kept.model.result()


def _load(name: str, kept: _Kept) -> None:
    """Load what others may be waiting for as well. A failure is theirs too, but whoever comes later tries again."""
    try:
        kept.model.set_result(load(name))
    except BaseException as error:
        with _lock:
            if _kept.get(name) is kept:
                del _kept[name]
        kept.model.set_exception(error)
    with _lock:
        loaded = {name: kept.num_bytes for name, kept in _kept.items() if kept.model.done()}
        while len(loaded) > 1 and sum(loaded.values()) > MAX_BYTES:
            oldest = next(iter(loaded))
            del loaded[oldest], _kept[oldest]


def own_settings(weights: str, solver: SolverName | None = FEW_STEPS.solver) -> dict[str, Any]:
    """How to sample with these weights unless told otherwise: the signal rates of their training, nodes for this
    `solver`, if it is known, and what their card says of guidance, and for students of a distillation of steps and
    solver too.

    Nodes of a card without a solver are for the one that the page begins with. Raises UserError or OSError where there
    are no such weights or their card is damaged.
    """
    card = read_card(find(weights or ""))
    own = own_sampling(card)
    if "solver" not in own and solver != FEW_STEPS.solver:
        own.pop("node_placement", None)
    nodes = {"node_placement": BEST_NODE_PLACEMENTS[solver]} if solver else {}
    rates = {name: card["model"][name] for name in ("min_signal_rate", "max_signal_rate")}
    return {**rates, "guidance": 1.0, **nodes, **own}


def load_suited(name: str, runs_dir: str, config: SampleConfig) -> tuple[DiffusionModel, SampleConfig]:
    """`load_model`, and `config` as it suits these weights: those without classes have no guidance, whatever a control
    that is hidden then may hold.
    """
    model = load_model(name, runs_dir)
    return model, config if model.classes else replace(config, guidance=1.0)


def student_of(weights: str) -> str | None:
    """The weights that draw in few steps what these draw: themselves if they have learned to, or shipped ones that have
    learned from them. Raises as `own_settings` does.
    """
    own = read_card(find(weights))
    if "num_steps" in own_sampling(own):
        return weights
    for name in shipped():
        learned = read_card(find(name)).get("distillation", {})
        if learned.get("teacher_sha256") == own["sha256"]:
            return name
    return None


def class_names_of(weights: str) -> list[str]:
    """The classes that these weights can be asked for, the most frequent first. Raises as `own_settings` does."""
    classes = read_card(find(weights or "")).get("classes", {})
    return sorted(classes, key=lambda name: -classes[name])


def warm_up(runs_dir: str) -> str:
    """Load the weights that the page opens with, compile the batches that visitors ask for, and return their name.

    Raises UserError or OSError if they are missing or damaged.
    """
    names = available(runs_dir)
    if not names:
        raise UserError("There are no weights to make pictures with.")
    model = load_model(names[0], runs_dir)
    for num_images in (16, 1, 4, 8, 2, 12):  # the most likely first
        model.warm_up(num_images)
    return Path(names[0]).name
