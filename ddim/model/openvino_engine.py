"""Networks run by OpenVINO, on the processor. No Keras is needed once there is a graph."""

from functools import cache

import numpy as np
import openvino

from ddim.model.engine import Engine, EnginePrecision
from ddim.model.unet import UNetConfig
from ddim.model.waves import angular_frequencies

DEVICE = "CPU"
CORE = openvino.Core()


def openvino_engine(config: UNetConfig, graph: openvino.Model, precision: EnginePrecision) -> Engine:
    """An engine for a graph of `openvino_graph`, in "float32" or "bfloat16".

    The graph is compiled for each size of batches when that is first asked for, a tenth of a second: what takes any
    number of pictures is a quarter slower.
    """
    half = "bf16" if precision == "bfloat16" else "f32"
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": half}

    @cache
    def request_of(num_images: int) -> openvino.InferRequest:
        """One is enough, since callers take turns."""
        fixed = graph.clone()
        shapes = [list(put.get_partial_shape())[1:] for put in fixed.inputs]
        fixed.reshape({index: [num_images, *shape] for index, shape in enumerate(shapes)})
        return CORE.compile_model(fixed, DEVICE, hints).create_infer_request()

    def run(inputs: list[np.ndarray]) -> np.ndarray:
        noisy_images, noise_variances, *class_weights = inputs
        request = request_of(len(noisy_images))
        request.infer([noisy_images, waves_of(config, noise_variances), *class_weights], share_inputs=True)
        outputs: np.ndarray = request.get_output_tensor().data.copy()
        return outputs

    return Engine("OpenVINO", precision, run)


def waves_of(config: UNetConfig, noise_variances: np.ndarray) -> np.ndarray:
    """Noise variances (B,) -> (B, embedding_size) float32: what NoiseEmbedding has at every pixel, or, with
    conditioning "blocks", NoiseLevelEmbedding (layers.py).

    The graph is given them, since it would compute them in its own precision, and bfloat16 has no decimals at phases of
    thousands.
    """
    numbers: np.ndarray = noise_variances.astype(np.float32)
    if config.conditioning == "blocks":
        variances = np.clip(numbers, np.float32(1e-7), np.float32(1 - 1e-7))
        numbers = (np.log(variances) - np.log1p(-variances)) / 8
    phases = angular_frequencies(config.embedding_size, config.embedding_max_frequency) * numbers[:, None]
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1)


def has_native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 numbers itself, as far as OpenVINO can tell."""
    return "BF16" in CORE.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")


def processor() -> list[str]:
    """What a graph is compiled for."""
    return [CORE.get_property(DEVICE, "FULL_DEVICE_NAME"), *CORE.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")]
