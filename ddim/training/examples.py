"""Training examples: pictures with noise on them, and what the network should see in them.

Every draw is a function of seed, step and place in the batch alone. So a killed run resumes with exactly the batches
that it would have seen, devices that share a batch never share its noise, and processes draw no more than their share.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import keras
import numpy as np

from ddim.data import Pictures
from ddim.diffusion.schedule import Rates, log_snr, rates_at
from ddim.model.classes import class_weights_of
from ddim.model.diffusion_model import ModelConfig, Normalizer, targets_of
from ddim.processes.member import ALONE, Member
from ddim.training.config import TrainConfig

LOG_NORMAL = NormalDist(mu=-0.4, sigma=1.3)
LEAST_QUANTILE = 1e-12


class Examples(NamedTuple):
    """A batch for Keras: what the network is given, and the truth about it, each (B, H, W, C), at unit variance.

    A network with classes is given class weights (B, num_classes) too.
    """

    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


def training_examples(
    images: np.ndarray,
    class_weights: np.ndarray | None,
    config: TrainConfig,
    normalizer: Normalizer,
    member: Member = ALONE,
) -> Callable[[int], Examples]:
    """A function from a step to its batch, or to the share of it that is this process's own.

    Pictures (N, H, W, C) uint8 come in a new order on every pass over them. `class_weights` (N, num_classes) are those
    of the pictures; now and then a picture is shown without.
    """
    seed, batch_size = config.seed, config.batch_size
    share = member.share(batch_size)
    places = range(batch_size)[share]

    @lru_cache(maxsize=2)  # a batch touches two passes at most, unless it is larger than the set
    def order(number_of_pass: int) -> np.ndarray:
        return generator_at(seed, number_of_pass, purpose=0).permutation(len(images))

    def noise_at(step: int, place: int) -> np.ndarray:
        return generator_at(seed, step, purpose=4, place=place).standard_normal(images.shape[1:], dtype=np.float32)

    def examples_at(step: int) -> Examples:
        positions = [step * batch_size + place for place in places]
        chosen = [order(position // len(images))[position % len(images)] for position in positions]
        batch = images[chosen]
        generator = generator_at(seed, step, purpose=1)
        if config.horizontal_flips:
            flipped = generator.random(batch_size)[share] < 0.5
            batch = np.where(flipped[:, None, None, None], batch[:, :, ::-1], batch)
        noises = np.stack([noise_at(step, place) for place in places])
        quantiles = stratified_quantiles(generator, batch_size)[share]
        examples = noisy_examples(batch, noises, quantiles, config, normalizer)
        if class_weights is not None:
            kept = generator.random((batch_size, 1))[share] >= config.class_dropout
            examples.inputs["class_weights"] = class_weights[chosen] * kept.astype(np.float32)
        return examples

    return examples_at


def validation_examples(
    images: np.ndarray, class_weights: np.ndarray | None, config: TrainConfig, normalizer: Normalizer
) -> Callable[[int], Examples]:
    """Like `training_examples`, but each picture once, in order, with its class and the same noise every time."""

    def examples_at(step: int) -> Examples:
        part = slice(step * config.batch_size, (step + 1) * config.batch_size)
        examples = add_noise(images[part], generator_at(config.seed, step, purpose=2), config, normalizer)
        if class_weights is not None:
            examples.inputs["class_weights"] = class_weights[part]
        return examples

    return examples_at


def add_noise(
    images: np.ndarray, generator: np.random.Generator, config: TrainConfig, normalizer: Normalizer
) -> Examples:
    """Pictures (B, H, W, C) uint8 with noise on them, each at a noise level of its own, all drawn by one generator."""
    noises = generator.standard_normal(images.shape, dtype=np.float32)
    return noisy_examples(images, noises, stratified_quantiles(generator, len(images)), config, normalizer)


def noisy_examples(
    images: np.ndarray, noises: np.ndarray, quantiles: np.ndarray, config: TrainConfig, normalizer: Normalizer
) -> Examples:
    """Pictures (B, H, W, C) uint8 with this noise on them, at noise levels of these quantiles (B,)."""
    normalized = (images / np.float32(255) - normalizer.mean) / np.sqrt(normalizer.variance)
    if config.time_sampling == "log_normal":
        exact = _log_normal_rates(quantiles, config.model)
    else:
        exact = config.model.training_schedule()(quantiles)
    noise_rates, signal_rates = (np.asarray(rate, np.float32)[:, None, None, None] for rate in exact)
    rates = Rates(noise_rates, signal_rates)
    return Examples(
        inputs={
            "noisy_images": rates.signal * normalized + rates.noise * noises,
            "noise_variances": np.asarray(exact.noise**2, np.float32),  # rounded once, as in sampling
        },
        targets={kind: targets_of(kind, noises, normalized, rates) for kind in ("noise", "image", "velocity")},
    )


def class_weights_in(pictures: Pictures, classes: Mapping[str, int]) -> np.ndarray | None:
    """The class weights (N, num_classes) of pictures; None where there are no classes."""
    return class_weights_of(pictures.class_names.tolist(), classes) if classes else None


def stratified_quantiles(generator: np.random.Generator, count: int) -> np.ndarray:
    """Numbers (B,) in [0, 1), in order, one in each of B equal parts (VDM, 2107.00630, appendix I.1)."""
    return (generator.random() + np.arange(count)) / count


def _log_normal_rates(quantiles: np.ndarray, config: ModelConfig) -> Rates:
    """Rates (B,) at these quantiles of a normal distribution of ln(noise rate / signal rate), as in EDM (2206.00364),
    table 1: its -1.2 and 1.2 for pictures of deviation 0.5 are about -0.5 and 1.2 at deviation 1.
    """
    log_ratios = np.array([LOG_NORMAL.inv_cdf(quantile or LEAST_QUANTILE) for quantile in quantiles.tolist()])
    return rates_at(np.clip(-2 * log_ratios, log_snr(config.min_signal_rate), log_snr(config.max_signal_rate)))


def generator_at(seed: int, index: int, purpose: int, place: int = 0) -> np.random.Generator:
    """What draws for a step, or a pass over the pictures, of the run with this seed; each purpose has its own, and may
    have one for each place in the batch.
    """
    return np.random.Generator(np.random.Philox(key=[seed, (index << 8) + purpose], counter=[0, 0, 0, place]))


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
