"""Networks run by Keras, on whatever it runs on."""

import keras
import numpy as np

from ddim.diffusion.noise import noise_from_seeds
from ddim.model.backend import prefers_bfloat16
from ddim.model.engine import Engine, EnginePrecision, Run
from ddim.model.folding import can_fold, fold_normalization
from ddim.model.unet import Precision, UNetConfig, build_unet

BFLOAT16_TOLERANCE = 0.02


def keras_engine(
    config: UNetConfig, network: keras.Model, precision: EnginePrecision = "auto", is_final: bool = False
) -> Engine:
    """An engine for a network with float32 weights. "auto" is bfloat16 where that is quicker and agrees with float32.

    With `is_final` its weights will not change, so a faster copy may run.
    """
    if precision == "bfloat16" or (precision == "auto" and prefers_bfloat16()):
        half = _copy(config, network, "bfloat16")
        if precision == "bfloat16" or agrees(half.predict_on_batch, network):
            return Engine("Keras", "bfloat16", half.predict_on_batch)
    final = _copy(config, network, "float32") if is_final else network
    return Engine("Keras", "float32", final.predict_on_batch)


def agrees(run: Run, network: keras.Model) -> bool:
    """Whether what runs a network says nearly what the network itself does, about noise of several levels."""
    noise_variances = np.linspace(0.1, 0.99, 4, dtype=np.float32)
    inputs = [noise_from_seeds(range(4), network.inputs[0].shape[1:]), noise_variances]
    if len(network.inputs) > 2:
        inputs.append(np.eye(4, network.inputs[2].shape[1], dtype=np.float32))
    expected = network.predict_on_batch(inputs)
    difference = np.sqrt(np.mean((run(inputs) - expected) ** 2) / max(np.mean(expected**2), 1e-12))
    return bool(difference < BFLOAT16_TOLERANCE)


def _copy(config: UNetConfig, network: keras.Model, precision: Precision) -> keras.Model:
    """A copy of the network in this precision, as fast as it can be."""
    if can_fold(config):
        return fold_normalization(config, network, precision)
    copy = build_unet(config, precision)
    copy.set_weights(network.get_weights())
    return copy
