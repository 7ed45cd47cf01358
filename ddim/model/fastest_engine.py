"""The engine that runs weights soonest on the machine at hand: Keras', or OpenVINO's where that is installed."""

import math
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ddim.model.engine import TURNS, Engine, EnginePrecision, check_precision
from ddim.model.unet import UNetConfig

if TYPE_CHECKING:
    import keras

NUM_IMAGES = 4  # in the batch that is timed
SECONDS = 0.3  # for which each engine is timed


def fastest_engine(
    config: UNetConfig, load_network: Callable[[], "keras.Model"], precision: EnginePrecision, sha256: str
) -> Engine:
    """The quickest engine for final weights with this checksum, which agrees with the float32 network.

    Which one that is, is measured once for each version and processor, and kept; `load_network`, which gives the
    network, is called where it is needed. Raises UserError for an unknown precision.
    """
    check_precision(precision)
    if find_spec("openvino"):
        from ddim.model.engine_cache import entry_of, recall
        from ddim.model.openvino_engine import openvino_engine

        entry = entry_of(config, sha256, precision)
        choice = recall(entry)
        if choice is None:
            return _measured(config, load_network(), precision, entry)
        if choice.graph:
            return openvino_engine(config, choice.graph, choice.precision)
        precision = choice.precision
    from ddim.model.keras_engine import keras_engine  # with Keras, which takes its time

    return keras_engine(config, load_network(), precision, is_final=True)


def _measured(config: UNetConfig, network: "keras.Model", precision: EnginePrecision, entry: Path) -> Engine:
    """The quicker of both engines, which is kept."""
    from ddim.model.engine_cache import Choice, keep
    from ddim.model.folding import fold_normalization
    from ddim.model.keras_engine import agrees, keras_engine
    from ddim.model.openvino_engine import has_native_bfloat16, openvino_engine
    from ddim.model.openvino_graph import can_make_graph, graph_of

    engines, graph = [keras_engine(config, network, precision, is_final=True)], None
    if can_make_graph(config):
        graph = graph_of(config, fold_normalization(config, network, "float32"))
        tried: list[EnginePrecision] = ["bfloat16", "float32"] if has_native_bfloat16() else ["float32"]
        compiled = (openvino_engine(config, graph, one) for one in (tried if precision == "auto" else [precision]))
        engines += islice((engine for engine in compiled if agrees(engine.run, network)), 1)
    fastest = min(engines, key=partial(_seconds, config)) if len(engines) > 1 else engines[0]
    keep(entry, Choice(fastest.name, fastest.precision, graph if fastest.name == "OpenVINO" else None))
    return fastest


def _seconds(config: UNetConfig, engine: Engine) -> float:
    """How long a small batch takes, at best; others who want the processor wait meanwhile."""
    size = config.image_size
    inputs = [np.zeros((NUM_IMAGES, size, size, 3), np.float32), np.full(NUM_IMAGES, 0.5, np.float32)]
    if config.num_classes:
        inputs.append(np.zeros((NUM_IMAGES, config.num_classes), np.float32))
    with TURNS.turn():
        engine.run(inputs)  # which compiles it
        best, until = math.inf, time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            began = time.perf_counter()
            engine.run(inputs)
            best = min(best, time.perf_counter() - began)
        return best
