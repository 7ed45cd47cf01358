"""The one place that runs the network, for every job and every visitor."""

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ddim.diffusion.noise import noise_from_seeds
from ddim.errors import UserError
from ddim.model.backend import prefers_bfloat16
from ddim.model.turns import Turns
from ddim.model.unet import Precision, UNetConfig, build_unet

if TYPE_CHECKING:
    import keras

BATCH_SIZES = (1, 2, 4, 8, 12, 16)
CROWDED_BATCH_SIZE = 4
BFLOAT16_TOLERANCE = 0.02
EnginePrecision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[EnginePrecision, ...] = get_args(EnginePrecision)

TURNS = Turns()
"""Those of all engines: they share the processor, so it is no use that each runs what it has."""


class Engine:
    """A compiled network that many may call at once: they hand it pictures, noise variances and classes, and wait.

    Visitors take turns, 16 pictures at a time, or 4 while others wait: on a processor that is hardly slower. Batches
    are padded to a few sizes, since each size is compiled once.

    Attributes:
        precision: What the network runs in, "float32" or "bfloat16".
    """

    def __init__(
        self, config: UNetConfig, network: "keras.Model", precision: EnginePrecision = "auto", is_final: bool = False
    ):
        """`network` holds float32 weights. "auto" is bfloat16 where that is quicker and agrees with float32.

        With `is_final` its weights will not change, so a faster copy may run. Raises UserError for any other precision.
        """
        if precision not in PRECISIONS:
            raise UserError(f"precision must be one of {', '.join(PRECISIONS)}, but is {precision!r}.")
        self._network = _copy(config, network, "float32") if is_final else network
        self.precision: EnginePrecision = "float32"
        if precision == "bfloat16" or (precision == "auto" and prefers_bfloat16()):
            half = _copy(config, network, "bfloat16")
            if precision == "bfloat16" or _relative_difference(half, network) < BFLOAT16_TOLERANCE:
                self._network = half
                self.precision = "bfloat16"

    def __call__(
        self, noisy_images: np.ndarray, noise_variances: np.ndarray, class_weights: np.ndarray | None = None
    ) -> np.ndarray:
        """The network's outputs (B, H, W, C) float32 for noisy pictures (B, H, W, C) and noise variances (B,).

        A network with classes needs class weights (B, num_classes) too.
        """
        inputs = [noisy_images, noise_variances] + ([] if class_weights is None else [class_weights])
        outputs: list[np.ndarray] = []
        done = 0
        while done < len(noisy_images):
            with TURNS.turn() as is_crowded:
                size = CROWDED_BATCH_SIZE if is_crowded else BATCH_SIZES[-1]
                outputs.append(self._run([array[done : done + size] for array in inputs]))
            done += size
        return np.concatenate(outputs)

    def _run(self, inputs: list[np.ndarray]) -> np.ndarray:
        num_images = len(inputs[0])
        padding = next(size for size in BATCH_SIZES if size >= num_images) - num_images
        # With the last picture once more: noise without variance has no logarithm.
        padded = [np.concatenate([array, np.repeat(array[-1:], padding, axis=0)]) for array in inputs]
        outputs: np.ndarray = self._network.predict_on_batch(padded)
        return outputs[:num_images]


def _copy(config: UNetConfig, network: "keras.Model", precision: Precision) -> "keras.Model":
    """A copy of the network in this precision, as fast as it can be."""
    from ddim.model.folding import can_fold, fold_normalization

    if can_fold(config):
        return fold_normalization(config, network, precision)
    copy = build_unet(config, precision)
    copy.set_weights(network.get_weights())
    return copy


def _relative_difference(network: "keras.Model", reference: "keras.Model") -> float:
    """Root mean square difference between two networks' outputs on noise, relative to the reference's."""
    noise_variances = np.linspace(0.1, 0.99, 4, dtype=np.float32)
    inputs = [noise_from_seeds(range(4), reference.inputs[0].shape[1:]), noise_variances]
    if len(reference.inputs) > 2:
        inputs.append(np.eye(4, reference.inputs[2].shape[1], dtype=np.float32))
    expected = reference.predict_on_batch(inputs)
    difference = network.predict_on_batch(inputs) - expected
    return float(np.sqrt(np.mean(difference**2) / max(np.mean(expected**2), 1e-12)))
