"""Pictures out of noise, by their seeds."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ddim.diffusion.noise import noises_from_seeds
from ddim.diffusion.sampling import SampleConfig, Step, reverse_diffusion
from ddim.errors import UserError
from ddim.media.images import to_uint8
from ddim.model.diffusion_model import DiffusionModel

MAX_NUM_IMAGES = 1024


def sample(
    model: DiffusionModel, seeds: Sequence[int], config: SampleConfig | None = None, **settings: Any
) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (B, H, W, C) float32 on the pixel scale [0, 1], not clipped.

    How to sample is a SampleConfig, or its fields by name, such as `num_steps=20`; signal rates default to the model's
    own. The picture of a seed is the same in any batch. Raises UserError, at the first step, for a wrong setting or
    seed, and for more than 1024 pictures.
    """
    config = model.sample_config(config, **settings)
    if not 1 <= len(seeds) <= MAX_NUM_IMAGES:
        raise UserError(f"One call makes 1 to {MAX_NUM_IMAGES} pictures, but {len(seeds)} seeds were given.")
    noises = noises_from_seeds(seeds, model.image_shape)
    initial_noise = next(noises)
    yield from sample_from(model, initial_noise, model.class_weights(seeds, config), config, noises)


def generate(
    model: DiffusionModel, seeds: Sequence[int], config: SampleConfig | None = None, **settings: Any
) -> np.ndarray:
    """The finished pictures (B, H, W, C) uint8 of these seeds; how to sample and errors as for `sample`."""
    *_, last = sample(model, seeds, config, **settings)
    return to_uint8(last.pred_images)


def generate_each_class(model: DiffusionModel, seed: int, config: SampleConfig) -> np.ndarray:
    """A finished picture (H, W, 3) uint8 of each class, in the order of `model.classes`, all out of one seed's noise.

    Raises UserError for weights without classes, and for eta above 0, since fresh noise would set them apart.
    """
    if not model.classes:
        raise UserError("Weights without classes have no picture of each.")
    if config.eta:
        raise UserError(f"For pictures of one noise eta must be 0, but is {config.eta}.")
    noise = next(noises_from_seeds([seed], model.image_shape))
    class_weights = np.eye(len(model.classes), dtype=np.float32)
    *_, last = sample_from(model, np.repeat(noise, len(class_weights), axis=0), class_weights, config)
    return to_uint8(last.pred_images)


def sample_from(
    model: DiffusionModel,
    initial_noise: np.ndarray,
    class_weights: np.ndarray | None,
    config: SampleConfig,
    fresh_noises: Iterator[np.ndarray] | None = None,
) -> Iterator[Step]:
    """As `reverse_diffusion` from this noise (B, H, W, C), but with pictures on the pixel scale [0, 1].

    What they show is up to `class_weights` (B, num_classes), None where weights have no classes.
    """
    denoise = partial(model.denoise, class_weights=class_weights, guidance=config.guidance)
    yield from on_pixel_scale(model, reverse_diffusion(denoise, initial_noise, config, fresh_noises))


def on_pixel_scale(model: DiffusionModel, steps: Iterator[Step]) -> Iterator[Step]:
    """Steps at unit variance with their pictures, but not their noises, on the pixel scale [0, 1]."""
    for step in steps:
        yield step._replace(
            noisy_images=model.denormalize(step.noisy_images), pred_images=model.denormalize(step.pred_images)
        )
