"""Weights on disk: `<name>.weights.h5` with the numbers and `<name>.json`, the card, with what they mean.

What the Keras tutorial's own program saved has no card, and is taken as it is.

No two files can be replaced at once. So a card that replaces another first holds that one too, until the numbers have
been replaced as well: at any moment, and after a kill at any moment, the numbers are those of one of the two.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ddim.configuration import from_json
from ddim.diffusion.sampling import FEW_STEPS, SampleConfig
from ddim.errors import UserError
from ddim.files import patiently, replace_file
from ddim.model.backend import check_backend
from ddim.model.diffusion_model import DiffusionModel, ModelConfig, Normalizer, NotLoaded
from ddim.model.engine import EnginePrecision
from ddim.model.fastest_engine import fastest_engine
from ddim.model.imported import HOW_TO_SAVE, TUTORIAL_IMAGE_SIZE, imported_card, set_imported_weights
from ddim.model.unet import UNetConfig, build_unet
from ddim.model.weights_file import check_file

if TYPE_CHECKING:
    import keras

WEIGHTS_DIR = Path(str(files("ddim"))).parent / "weights"  # what ships stands beside the package
WEIGHTS_SUFFIX = ".weights.h5"
FIRST = "flowers64-species"
BEST = "best"
REPLACED = "replaced"  # where a card holds the one before
WAY_OF_FEW_STEPS = ("num_steps", "solver", "node_placement")


def available(runs_dir: str | Path = "runs") -> list[str]:
    """What `load` takes: the names of the shipped weights, then the runs in `runs_dir` that have weights, as paths.

    The first are those that the page opens with.
    """
    runs = [path.parent.as_posix() for path in Path(runs_dir).glob(f"*/{BEST}{WEIGHTS_SUFFIX}")]
    return shipped() + sorted(runs)


def shipped() -> list[str]:
    """The names of the shipped weights, those first that the page opens with."""
    names = [path.name.removesuffix(WEIGHTS_SUFFIX) for path in WEIGHTS_DIR.glob(f"*{WEIGHTS_SUFFIX}")]
    return sorted(names, key=lambda name: (name != FIRST, name))


def load(name: str | Path, precision: EnginePrecision = "auto", image_size: int | None = None) -> DiffusionModel:
    """The model with these weights: a name in weights/, a path (with or without its ending), or a run's folder.

    `precision` is "float32", "bfloat16", or "auto": bfloat16 where that is quicker and agrees with float32.
    `image_size` is as for `read_card`. Raises FileNotFoundError where there are no such weights, and UserError where
    they are damaged or Keras cannot run.
    """
    check_backend()
    stem = find(name)
    card, content = read(stem, image_size)
    card = {**card, "name": str(name)}  # so that a recipe names what `load` takes
    try:
        config = from_json(ModelConfig, card["model"])
        classes = {str(name): int(count) for name, count in card.get("classes", {}).items()}
        SampleConfig(**own_sampling(card))  # the page does as it says
        normalizer = Normalizer(*(np.array(card["normalizer"][field], np.float32) for field in Normalizer._fields))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = str(error)[:200].rstrip(".")
        raise UserError(f"{stem.name}.json does not describe weights: {reason}.") from error
    if len(classes) != config.network.num_classes:
        raise UserError(
            f"{stem.name}.json names {len(classes)} classes, but its network has {config.network.num_classes}."
        )
    load_network = cache(partial(_network, config.network, stem, content))
    engine = fastest_engine(config.network, load_network, precision, card["sha256"])
    return DiffusionModel(config, NotLoaded(load_network), normalizer, card, classes, engine)


def _network(config: UNetConfig, stem: Path, content: bytes) -> "keras.Model":
    """The network with what a file holds, read from a copy: Keras takes files alone, and that may be another by now."""
    has_card = _card_path(stem).is_file()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{stem.name}{WEIGHTS_SUFFIX}"
        copy.write_bytes(content)
        if has_card:
            check_file(copy, config)
        network = build_unet(config)
        try:
            if has_card:
                network.load_weights(copy)
            else:
                set_imported_weights(network, copy)
        except (ValueError, KeyError, TypeError) as error:  # Keras lists every number that does not fit
            raise UserError(f"{copy.name} does not hold the network that {stem.name}.json describes.") from error
    return network


def save(model: DiffusionModel, stem: str | Path, **facts: Any) -> None:
    """Write `<stem>.weights.h5` and `<stem>.json`. Who reads them meanwhile gets what was there, or this.

    `facts` go into the card as they are: how the weights were trained, what KID they reach, and by which protocol.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    unfinished = stem.with_name(f"{stem.name}.unfinished{WEIGHTS_SUFFIX}")
    _reserve(unfinished, sum(8192 + weight.nbytes for weight in model.network.get_weights()))
    model.network.save_weights(unfinished)
    card = {
        "name": stem.name,
        "model": asdict(model.config),
        "normalizer": {field: values.tolist() for field, values in model.normalizer._asdict().items()},
        **({"classes": model.classes} if model.classes else {}),
        **facts,
        "sha256": hashlib.sha256(unfinished.read_bytes()).hexdigest(),
    }
    try:
        replaced, _ = read(stem)
    except (UserError, OSError):  # there is nothing that could be loaded
        replaced = {}
    _write_card(stem, {**card, REPLACED: replaced})
    replace_file(unfinished, Path(f"{stem}{WEIGHTS_SUFFIX}"))
    _write_card(stem, card)


def _write_card(stem: Path, card: dict[str, Any]) -> None:
    unfinished = stem.with_name(f"{stem.name}.unfinished.json")
    unfinished.write_text(json.dumps(card, indent=2) + "\n")
    replace_file(unfinished, Path(f"{stem}.json"))


def _reserve(path: Path, size: int) -> None:
    """Raise OSError if there is no room for a file of `size` bytes: HDF5 would take the whole process down."""
    try:
        path.write_bytes(bytes(size))
    finally:
        path.unlink(missing_ok=True)


def find(name: str | Path) -> Path:
    """The path, without its ending, of weights given by name, path or run folder. Raises FileNotFoundError."""
    bare = str(name).removesuffix(WEIGHTS_SUFFIX)
    for stem in (WEIGHTS_DIR / bare, Path(bare), Path(bare) / BEST):
        if Path(f"{stem}{WEIGHTS_SUFFIX}").is_file():
            return stem
    if Path(name).is_file() or Path(f"{name}.index").is_file():
        raise UserError(
            f"{Path(name).name} does not end in {WEIGHTS_SUFFIX} as weights of Keras 3 do: load it in the program that "
            f"made it, and save it with Keras 3 by {HOW_TO_SAVE}."
        )
    raise FileNotFoundError(f"No weights are called {str(name)!r}. There are: {', '.join(available()) or 'none'}.")


def read(stem: Path, image_size: int | None = None) -> tuple[dict[str, Any], bytes]:
    """The card and the content of weights, which belong together although both may be replaced meanwhile.

    `image_size` is as for `read_card`. Raises as that does, and UserError if the weights are not those of the card.
    """
    path, weights_path = _card_path(stem), Path(f"{stem}{WEIGHTS_SUFFIX}")
    while True:
        before = _version(path if path.is_file() else weights_path)
        card = read_card(stem, image_size)
        content = patiently(weights_path.read_bytes)
        checksum = hashlib.sha256(content).hexdigest()
        for one in (card, card.pop(REPLACED, None)):
            if isinstance(one, dict) and one.get("sha256") == checksum:
                return one, content
        if _version(path if path.is_file() else weights_path) == before:
            raise UserError(
                f"{weights_path.name} is damaged or was changed: its checksum begins with {checksum[:8]}, "
                f"but {path.name} says {card['sha256']!s:.8}. Fetch or train it again."
            )


def read_card(stem: Path, image_size: int | None = None) -> dict[str, Any]:
    """The card beside the weights, or, where there is none, what a file of the Keras tutorial says by itself.

    `image_size` is only for the latter, which does not say it; by default it is the tutorial's. Raises UserError if
    this is no card of ours or no file of the tutorial's, and FileNotFoundError if it is ours without its card.
    """
    path = _card_path(stem)
    if not path.is_file():
        size = TUTORIAL_IMAGE_SIZE if image_size is None else image_size
        return imported_card(Path(f"{stem}{WEIGHTS_SUFFIX}"), size)
    if image_size is not None:
        raise UserError(f"{path.name} says already what {stem.name}{WEIGHTS_SUFFIX} is, its image size included.")
    try:
        card = json.loads(patiently(path.read_text))
    except (ValueError, RecursionError) as error:  # the latter for endless nesting
        raise UserError(f"{path.name} is not JSON: it is damaged. Fetch or train the weights again.") from error
    if not isinstance(card, dict) or not {"model", "normalizer", "sha256"} <= card.keys():
        raise UserError(f"{path.name} does not describe weights: it is damaged or from another program.")
    return card


def own_sampling(card: Mapping[str, Any]) -> dict[str, Any]:
    """How a card says that its weights are best sampled with, by fields of SampleConfig; most cards say little."""
    return {name: card[name] for name in (*WAY_OF_FEW_STEPS, "guidance") if name in card}


def few_steps_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """How the page samples with the weights of this card unless told otherwise, by fields of SampleConfig."""
    return {**{name: getattr(FEW_STEPS, name) for name in WAY_OF_FEW_STEPS}, **own_sampling(card)}


def _card_path(stem: Path) -> Path:
    return Path(f"{stem}.json")


def _version(path: Path) -> tuple[int, int]:
    """What tells a file from the one that replaces it."""
    status = patiently(path.stat)
    return status.st_ino, status.st_mtime_ns
