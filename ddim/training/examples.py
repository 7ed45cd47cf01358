"""Training examples: pictures with noise on them, and what the network should see in them.

Every draw is a function of (seed, step) alone. So a killed run resumes with exactly the batches that it would have
seen, and devices that share a batch never share its noise.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import keras
import numpy as np

from ddim.diffusion.schedule import Rates
from ddim.model.diffusion_model import ModelConfig, Normalizer, targets_of


class Examples(NamedTuple):
    """A batch for Keras: what the network is given, and the truth about it, each (B, H, W, C), at unit variance."""

    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


def training_examples(
    images: np.ndarray,
    batch_size: int,
    horizontal_flips: bool,
    seed: int,
    config: ModelConfig,
    normalizer: Normalizer,
) -> Callable[[int], Examples]:
    """A function from a step to its batch. Pictures (N, H, W, C) uint8 come in a new order on every pass over them."""

    @lru_cache(maxsize=2)  # a batch touches two passes at most, unless it is larger than the set
    def order(number_of_pass: int) -> np.ndarray:
        return _generator(seed, number_of_pass, purpose=0).permutation(len(images))

    def examples_at(step: int) -> Examples:
        positions = range(step * batch_size, (step + 1) * batch_size)
        batch = images[[order(position // len(images))[position % len(images)] for position in positions]]
        generator = _generator(seed, step, purpose=1)
        if horizontal_flips:
            flipped = generator.random(batch_size) < 0.5
            batch = np.where(flipped[:, None, None, None], batch[:, :, ::-1], batch)
        return add_noise(batch, generator, config, normalizer)

    return examples_at


def validation_examples(
    images: np.ndarray, batch_size: int, seed: int, config: ModelConfig, normalizer: Normalizer
) -> Callable[[int], Examples]:
    """Like `training_examples`, but each picture once, in order, with the same noise every time."""

    def examples_at(step: int) -> Examples:
        batch = images[step * batch_size : (step + 1) * batch_size]
        return add_noise(batch, _generator(seed, step, purpose=2), config, normalizer)

    return examples_at


def add_noise(
    images: np.ndarray, generator: np.random.Generator, config: ModelConfig, normalizer: Normalizer
) -> Examples:
    """Pictures (B, H, W, C) uint8 with noise on them, each at a diffusion time of its own.

    The times are uniform in [0, 1) and stratified, one in each of B equal parts (VDM, 2107.00630, appendix I.1): the
    loss of a batch then varies less, at no cost.
    """
    normalized = (images / np.float32(255) - normalizer.mean) / np.sqrt(normalizer.variance)
    noises = generator.standard_normal(images.shape, dtype=np.float32)
    diffusion_times = (generator.random() + np.arange(len(images))) / len(images)
    exact = config.training_schedule()(diffusion_times[:, None, None, None])
    noise_rates, signal_rates = (np.asarray(rate, np.float32) for rate in exact)
    rates = Rates(noise_rates, signal_rates)
    return Examples(
        inputs={
            "noisy_images": rates.signal * normalized + rates.noise * noises,
            "noise_variances": noise_rates[:, 0, 0, 0] ** 2,
        },
        targets={kind: targets_of(kind, noises, normalized, rates) for kind in ("noise", "image", "velocity")},
    )


def _generator(seed: int, index: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, (index << 8) + purpose]))


class Batches(keras.utils.PyDataset):
    """The batches of steps [start, stop) for `fit` and `evaluate`, drawn ahead by threads."""

    def __init__(self, examples_at: Callable[[int], Examples], start: int, stop: int):
        # With one worker tf.data runs the queue, and its autotuning can hold up the end of `fit` for seconds. With two
        # Keras' own does, which under JAX loses the batch that shapes are read from.
        super().__init__(workers=2 if keras.backend.backend() == "tensorflow" else 1, max_queue_size=4)
        self.examples_at = examples_at
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], ...]:
        return tuple(self.examples_at(self.start + index))
