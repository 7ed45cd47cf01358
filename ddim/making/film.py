"""The reverse diffusion as a film: a frame for each step."""

from collections.abc import Iterator, Sequence

import numpy as np

from ddim.diffusion.noise import noises_from_seeds
from ddim.diffusion.sampling import SampleConfig, Step, reverse_diffusion
from ddim.diffusion.schedule import Rates
from ddim.diffusion.solvers import Prediction
from ddim.errors import UserError
from ddim.making.generate import on_pixel_scale, sample
from ddim.making.recipe import Recipe
from ddim.media.animation import MAX_FRAMES
from ddim.media.images import grid, to_uint8
from ddim.model.diffusion_model import DiffusionModel

MAX_IMAGES = 12

PRESETS = {"deterministic": SampleConfig(num_steps=40), "stochastic": SampleConfig(num_steps=80, eta=1.0)}
"""The tutorial's two animations."""


def animate(model: DiffusionModel, seeds: Sequence[int], config: SampleConfig) -> Iterator[Step]:
    """Yield the Steps of `sample`, each to become a frame with `frame_of`. Raises UserError as `check_film` does."""
    check_film(seeds, config)
    yield from sample(model, seeds, config)


def replay(model: DiffusionModel, recipe: Recipe, pred_images: np.ndarray) -> Iterator[Step]:
    """The Steps of an animation once more, without the network, out of what it saw: (steps * seeds, H, W, 3) uint8.

    Since a seed gives the first noise, and each step's noise is what its picture leaves over, nothing else is needed.
    Noise is then off by some levels of 255, and noisy pictures hardly. Only for solvers that look once at a step.
    """
    seen = iter(pred_images.reshape(recipe.config.num_steps, -1, *model.image_shape))

    def see_again(noisy_images: np.ndarray, rates: Rates) -> Prediction:
        images = model.normalize(next(seen).astype(np.float32) / 255)
        return Prediction((noisy_images - rates.signal * images) / rates.noise, images)

    noises = noises_from_seeds(recipe.seeds, model.image_shape)
    yield from on_pixel_scale(model, reverse_diffusion(see_again, next(noises), recipe.config, noises))


def check_film(seeds: Sequence[int], config: SampleConfig) -> None:
    """Raise UserError for more than 12 pictures or 512 steps."""
    if not 1 <= len(seeds) <= MAX_IMAGES:
        raise UserError(f"An animation has 1 to {MAX_IMAGES} pictures side by side, but {len(seeds)} were asked for.")
    if config.num_steps > MAX_FRAMES:
        raise UserError(
            f"An animation has a frame for each step, up to {MAX_FRAMES}, but {config.num_steps} steps were asked for."
        )


def frame_of(step: Step) -> np.ndarray:
    """A frame (2 H, B * W, 3) uint8: noisy pictures side by side, and below each what the network sees in it."""
    return grid(to_uint8(np.concatenate([step.noisy_images, step.pred_images])), columns=len(step.noisy_images))


def noises_of(model: DiffusionModel, step: Step) -> np.ndarray:
    """What the network takes for noise in a step, side by side (H, B * W, 3) uint8, as pictures are shown."""
    return grid(to_uint8(model.denormalize(step.pred_noises)), columns=len(step.pred_noises))
