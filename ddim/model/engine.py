"""The one place that runs the network, for every job and every visitor."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ddim.diffusion.noise import noise_from_seeds
from ddim.errors import UserError
from ddim.model.unet import Precision, UNetConfig, build_unet

if TYPE_CHECKING:
    import keras

BATCH_SIZES = (1, 2, 4, 8, 12, 16)
NATIVE_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}
BFLOAT16_TOLERANCE = 0.02
EnginePrecision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[EnginePrecision, ...] = get_args(EnginePrecision)


class Engine:
    """A compiled network that many may call at once: they hand it pictures and noise variances, and wait.

    Each picture has a noise variance of its own, so pictures of different visitors and stages could share a batch.
    For now they take turns, 16 pictures at a time. Batches are padded to a few sizes, since each size is compiled once.

    Attributes:
        precision: What the network runs in, "float32" or "bfloat16".
    """

    def __init__(
        self, config: UNetConfig, network: "keras.Model", precision: EnginePrecision = "auto", is_final: bool = False
    ):
        """`network` holds float32 weights. "auto" is bfloat16 where the processor has it and it agrees with float32.

        With `is_final` its weights will not change, so a faster copy may run. Raises UserError for any other precision.
        """
        if precision not in PRECISIONS:
            raise UserError(f"precision must be one of {', '.join(PRECISIONS)}, but is {precision!r}.")
        self._lock = threading.Lock()
        self._network = _copy(config, network, "float32") if is_final else network
        self.precision: EnginePrecision = "float32"
        if precision == "bfloat16" or (precision == "auto" and has_native_bfloat16()):
            half = _copy(config, network, "bfloat16")
            if precision == "bfloat16" or _relative_difference(half, network) < BFLOAT16_TOLERANCE:
                self._network = half
                self.precision = "bfloat16"

    def __call__(self, noisy_images: np.ndarray, noise_variances: np.ndarray) -> np.ndarray:
        """The network's outputs (B, H, W, C) float32 for noisy pictures (B, H, W, C) and noise variances (B,)."""
        outputs = []
        for start in range(0, len(noisy_images), BATCH_SIZES[-1]):
            part = slice(start, start + BATCH_SIZES[-1])
            outputs.append(self._run(noisy_images[part], noise_variances[part]))
        return np.concatenate(outputs)

    def _run(self, noisy_images: np.ndarray, noise_variances: np.ndarray) -> np.ndarray:
        num_images = len(noisy_images)
        padding = next(size for size in BATCH_SIZES if size >= num_images) - num_images
        noisy_images = np.pad(noisy_images, ((0, padding), (0, 0), (0, 0), (0, 0)))
        noise_variances = np.pad(noise_variances, (0, padding))
        with self._lock:
            outputs: np.ndarray = self._network.predict_on_batch([noisy_images, noise_variances])
        return outputs[:num_images]


def _copy(config: UNetConfig, network: "keras.Model", precision: Precision) -> "keras.Model":
    """A copy of the network in this precision, as fast as it can be."""
    from ddim.model.folding import can_fold, fold_normalization

    if can_fold(config):
        return fold_normalization(config, network, precision)
    copy = build_unet(config, precision)
    copy.set_weights(network.get_weights())
    return copy


def has_native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 numbers itself, as far as the operating system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return False
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return not NATIVE_BFLOAT16_FLAGS.isdisjoint(flags)


def _relative_difference(network: "keras.Model", reference: "keras.Model") -> float:
    """Root mean square difference between two networks' outputs on noise, relative to the reference's."""
    noise_variances = np.linspace(0.1, 1, 4, dtype=np.float32)
    noisy_images = noise_from_seeds(range(4), reference.inputs[0].shape[1:])
    expected = reference.predict_on_batch([noisy_images, noise_variances])
    difference = network.predict_on_batch([noisy_images, noise_variances]) - expected
    return float(np.sqrt(np.mean(difference**2) / max(np.mean(expected**2), 1e-12)))
