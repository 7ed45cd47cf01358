"""The one place that runs networks, for every job and every visitor."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from ddim.errors import UserError
from ddim.model.turns import Turns, Usual

BATCH_SIZES = (1, 2, 4, 8, 12, 16)
MAX_BATCH_SIZE = BATCH_SIZES[-1]
CROWDED_BATCH_SIZE = 4
EngineName = Literal["Keras", "OpenVINO"]
EnginePrecision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[EnginePrecision, ...] = get_args(EnginePrecision)

Run = Callable[[list[np.ndarray]], np.ndarray]
"""From noisy pictures, as many as one of BATCH_SIZES, their noise variances and, with classes, class weights to the
network's outputs."""

TURNS = Turns()
"""Those of all engines: they share the processor, so it is no use that each runs what it has."""


class Engine:
    """A compiled network that many may call at once: they hand it pictures, noise variances and classes, and wait.

    Visitors take turns, 16 pictures at a time, or 4 while others wait: on a processor that is hardly slower. Batches
    are padded to a few sizes, since each size is compiled once.

    Attributes:
        name: What runs the network.
        precision: What it computes in, "float32" or "bfloat16".
    """

    def __init__(self, name: EngineName, precision: EnginePrecision, run: Run):
        self.name = name
        self.precision = precision
        self.run = run
        self._usual = {size: Usual() for size in BATCH_SIZES}

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
            with TURNS.turn() as turn:
                size = min(CROWDED_BATCH_SIZE if turn.is_crowded else MAX_BATCH_SIZE, len(noisy_images) - done)
                batch = [_padded(array[done : done + size]) for array in inputs]
                turn.usual = self._usual[len(batch[0])]
                outputs.append(self.run(batch)[:size])
            done += size
        return np.concatenate(outputs)


def _padded(array: np.ndarray) -> np.ndarray:
    """With its last row once more and again: noise without variance has no logarithm."""
    padding = next(size for size in BATCH_SIZES if size >= len(array)) - len(array)
    return np.concatenate([array, np.repeat(array[-1:], padding, axis=0)]) if padding else array


def check_precision(precision: str) -> None:
    """Raise UserError for a precision that no engine has."""
    if precision not in PRECISIONS:
        raise UserError(f"precision must be one of {', '.join(PRECISIONS)}, but is {precision!r}.")
