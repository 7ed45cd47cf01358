"""Weights that the Keras tutorial's own program saved: two networks and a normalizer in one .weights.h5, and no card.

Keras makes up the names inside from the order of attributes and layers, so shapes say what is what. Beside what is
wanted lie the network before averaging, the optimizer's numbers, and an InceptionV3 that belongs to the metric.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ddim.errors import UserError
from ddim.model.diffusion_model import ModelConfig, Normalizer
from ddim.model.unet import UNetConfig

if TYPE_CHECKING:
    import h5py
    import keras

    Layers = dict[int, list[list[h5py.Dataset]]]
    """The layers of a network by kind, in order: kernel and bias of convolutions, mean and variance of norms."""

TUTORIAL_IMAGE_SIZE = 64
HOW_TO_SAVE = "model.save_weights('diffusion_model.weights.h5')"
LAYER = re.compile(r"(?:(?P<network>.+)/)?\w+/(?:conv2d|batch_normalization)(?:_(?P<number>\d+))?")
AVERAGE = re.compile(r"(^|[/_])(ema|avg|averaged?)(_|$)")
LATER = re.compile(r"layers/\w+_\d+")
NORM = 0


class Saved(NamedTuple):
    """What such a file holds: of two networks the averaged one, and its place in the file."""

    place: str
    architecture: dict[str, Any]
    layers: dict[int, list[list[np.ndarray]]]
    normalizer: Normalizer


def imported_card(path: Path, image_size: int) -> dict[str, Any]:
    """The card that is missing beside such a file; what neither shapes nor `image_size` tell is as in the tutorial.

    Raises UserError if the file is damaged or holds something else, and FileNotFoundError for a network without a
    normalizer, which nothing but its card can explain.
    """
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    saved = _read(path)
    return {
        "model": asdict(ModelConfig(UNetConfig(image_size=image_size, **saved.architecture))),
        "normalizer": {field: values.tolist() for field, values in saved.normalizer._asdict().items()},
        "imported": {"file": path.name, "sha256": checksum, "network": saved.place},
        "sha256": checksum,
    }


def set_imported_weights(network: "keras.Model", path: Path) -> None:
    """Put the averaged weights of such a file into a network that was built as its card says."""
    layers = {kind: iter(of_this_kind) for kind, of_this_kind in _read(path).layers.items()}
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(next(layers[_kind(layer.weights[0].shape)]))


def _read(path: Path) -> Saved:
    with _opened(path) as file:
        variables = _variables_by_owner(file)
        networks = _networks_among(variables)
        if not networks:
            some = f"{len(variables)} layers such as {next(iter(variables))[:60]!r}" if variables else "no layers"
            raise UserError(
                f"{path.name} has no card beside it, and holds {some}: what the Keras tutorial saves, network, "
                "ema_network and normalizer, would be right."
            )
        place = _place_of_average(path, list(networks))
        architecture, layers = networks[place]
        if (channels := architecture.pop("channels")) != 3:
            raise UserError(
                f"{path.name} makes pictures whose channels number {channels}: 3, as RGB has, would be right."
            )
        if (size := architecture["embedding_size"]) < 2 or size % 2:
            raise UserError(
                f"{path.name} has a noise embedding of size {size}: sines and as many cosines, as the Keras "
                "tutorial has, would be right."
            )
        # Means, variances and how many pixels they are of.
        normalizers = [found for found in variables.values() if [one.shape for one in found] == [(3,), (3,), ()]]
        if len(normalizers) != 1:
            raise FileNotFoundError(
                f"{path.name} has no {path.name.removesuffix('.weights.h5')}.json beside it to say what it is, and "
                f"{len(normalizers)} normalizers inside, where the Keras tutorial's whole model has one."
            )
        arrays = {kind: [[_array(one) for one in layer] for layer in found] for kind, found in layers.items()}
        return Saved(place, architecture, arrays, Normalizer(*map(_array, normalizers[0][:2])))


@contextmanager
def _opened(path: Path) -> Iterator["h5py.File"]:
    import h5py

    try:
        with h5py.File(path) as file:
            if "layer_names" in file.attrs or "model_weights" in file:
                raise UserError(
                    f"{path.name} is in the format of Keras 2: load it in the program that made it, and save it with "
                    f"Keras 3 by {HOW_TO_SAVE}."
                )
            yield file
    except (UserError, FileNotFoundError):
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:  # whatever h5py stumbles over
        raise UserError(
            f"{path.name} has no card beside it, and is damaged or no HDF5 file: what Keras 3 saves by {HOW_TO_SAVE} "
            "would be right."
        ) from error


def _variables_by_owner(file: "h5py.File") -> dict[str, list["h5py.Dataset"]]:
    """All variables in the file by what owns them, such as "ema_network/layers/conv2d_3"."""
    import h5py

    variables: dict[str, list[h5py.Dataset]] = defaultdict(list)

    def visit(name: str, item: Any) -> None:
        owner, _, number = name.rpartition("/vars/")
        if number.isdigit() and isinstance(item, h5py.Dataset):
            variables[owner].append(item)

    file.visititems(visit)
    return variables


def _networks_among(variables: Mapping[str, list["h5py.Dataset"]]) -> dict[str, tuple[dict[str, Any], "Layers"]]:
    """Architecture and layers of all networks that have the tutorial's form, by their places in the file."""
    numbered: dict[str, list[tuple[int, list[h5py.Dataset]]]] = defaultdict(list)
    for owner, layer in variables.items():
        if match := LAYER.fullmatch(owner):
            numbered[match["network"] or ""].append((int(match["number"] or 0), layer))
    networks = {}
    for place, found in numbered.items():
        layers: Layers = defaultdict(list)
        for _, layer in sorted(found, key=lambda one: one[0]):
            layers[_kind(layer[0].shape)].append(layer)
        if architecture := _architecture_of(layers):
            networks[place] = (architecture, layers)
    return networks


def _kind(shape: Sequence[int]) -> int:
    """What a layer is whose first variable has this shape: the size of a convolution, or a normalization."""
    # Kinds are counted apart: whether a shortcut comes before the convolutions beside it depends on who built them.
    return shape[0] if len(shape) == 4 else NORM


def _architecture_of(layers: "Layers") -> dict[str, Any] | None:
    """Fields of UNetConfig, and the pictures' channels, that make layers of these shapes; None if nothing does."""
    shapes = {kind: [tuple(one.shape for one in layer) for layer in found] for kind, found in layers.items()}
    if not all(shapes.get(kind) for kind in (NORM, 1, 3)):
        return None
    channels = shapes[1][0][0][2]
    outputs = [kernel[3] for kernel, *_ in shapes[3][::2]]  # of each residual block
    for block_depth in range(1, len(outputs) // 3 + 1):
        widths = tuple(outputs[: (len(outputs) + block_depth) // 2 : block_depth])
        embedding_size = shapes[3][0][0][2] - widths[0]
        if shapes == _shapes_of(channels, widths, block_depth, embedding_size):
            fields = {"widths": widths, "block_depth": block_depth, "embedding_size": embedding_size}
            return {"channels": channels, **fields}
    return None


def _shapes_of(channels: int, widths: tuple[int, ...], block_depth: int, embedding_size: int) -> dict[int, list[Any]]:
    """Shapes of the variables of all layers of the tutorial's network, by kind, in order."""
    down = [width for width in widths for _ in range(block_depth)]
    skips = down[: len(down) - block_depth][::-1]
    outputs = down + skips
    inputs = [widths[0] + embedding_size, *outputs[:-1]]
    inputs[len(down) :] = [before + skip for before, skip in zip(inputs[len(down) :], skips, strict=True)]
    blocks = list(zip(inputs, outputs, strict=True))

    def convolutions(size: int, *pairs: tuple[int, int]) -> list[Any]:
        return [((size, size, before, after), (after,)) for before, after in pairs]

    shortcuts = [(before, after) for before, after in blocks if before != after]
    return {
        NORM: [((before,), (before,)) for before in inputs],
        1: convolutions(1, (channels, widths[0]), *shortcuts, (widths[0], channels)),
        3: convolutions(3, *((before, after) for block in blocks for before, after in (block, (block[1], block[1])))),
    }


def _place_of_average(path: Path, places: list[str]) -> str:
    """Which of several networks is the averaged one."""
    if len(places) == 1:
        return places[0]
    # Keras writes attributes that come after "layers" in the alphabet as layers/functional, layers/functional_1 and so
    # on, in the order in which they were set, and an average is set after the network that it is a copy of.
    for pattern in (AVERAGE.search, LATER.fullmatch):
        if len(found := [place for place in places if pattern(place)]) == 1:
            return found[0]
    raise UserError(
        f"{path.name} holds {len(places)} networks, {' and '.join(places)[:80]}, and none is named as an average: "
        "ema_network would be right."
    )


def _array(variable: "h5py.Dataset") -> np.ndarray:
    # What claims to be larger than its file would fill the memory, and what lies in other files is none of ours.
    if variable.nbytes > Path(variable.file.filename).stat().st_size or variable.external or variable.is_virtual:
        raise ValueError(f"{variable.name} lies outside its file")
    return np.array(variable[()], np.float32)
