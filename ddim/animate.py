"""The reverse diffusion as a film, what happens inside one of its steps, and a training run as a film."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from ddim.animation import MAX_FRAMES
from ddim.images import grid, to_uint8
from ddim.runs import sample_grids
from ddim.sampling import SampleConfig, Step, sample
from ddim.schedule import Rates

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

MAX_IMAGES = 12

PRESETS = {"deterministic": SampleConfig(num_steps=40), "stochastic": SampleConfig(num_steps=80, eta=1.0)}
"""The tutorial's two animations."""


def animate(model: "DiffusionModel", seeds: Sequence[int], **settings: Any) -> Iterator[Step]:
    """Yield the Steps of `sample`, each to become a frame with `frame_of`. Raises ValueError as `check_film` does."""
    check_film(seeds, model.sample_config(**settings))
    yield from sample(model, seeds, **settings)


def check_film(seeds: Sequence[int], config: SampleConfig) -> None:
    """Raise ValueError for more than 12 pictures or 512 steps."""
    if not 1 <= len(seeds) <= MAX_IMAGES:
        raise ValueError(f"An animation has 1 to {MAX_IMAGES} pictures side by side, but {len(seeds)} were asked for.")
    if config.num_steps > MAX_FRAMES:
        raise ValueError(
            f"An animation has a frame for each step, up to {MAX_FRAMES}, but {config.num_steps} steps were asked for."
        )


def frame_of(step: Step) -> np.ndarray:
    """A frame (2 H, B * W, 3) uint8: noisy pictures side by side, and below each what the network sees in it."""
    return grid(to_uint8(np.concatenate([step.noisy_images, step.pred_images])), columns=len(step.noisy_images))


class InsideStep(NamedTuple):
    """What the network takes apart: noisy image = signal rate * image + noise rate * noise.

    The arrays (B, H, W, C) have [0, 1] as the range of pixels, not clipped; the sum holds at unit variance.
    """

    rates: Rates
    noisy_images: np.ndarray
    images: np.ndarray
    noises: np.ndarray


def inside(model: "DiffusionModel", step: Step, config: SampleConfig) -> InsideStep:
    """The three pictures of a step that `animate` yielded with this configuration."""
    rates = Rates(*map(float, config.schedule()(step.diffusion_time)))
    noisy_images, images = model.normalize(step.noisy_images), model.normalize(step.pred_images)
    noises = model.denormalize((noisy_images - rates.signal * images) / rates.noise)
    return InsideStep(rates, step.noisy_images, step.pred_images, noises)


def frames_of_run(run: Path) -> np.ndarray:
    """The pictures of a training run, epoch after epoch: frames (F, H, W, 3) uint8, up to 512 evenly chosen ones.

    Raises ValueError where there are none yet, or where they differ in size.
    """
    paths = sample_grids(run)
    if not paths:
        raise ValueError(f"The run {run.name} has no pictures yet: they come with the first epoch.")
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MAX_FRAMES)).round().astype(int))
    frames = []
    for index in chosen:
        with Image.open(paths[index]) as picture:
            frames.append(np.asarray(picture.convert("RGB")))
    if len({frame.shape for frame in frames}) > 1:
        raise ValueError(f"The pictures of the run {run.name} differ in size, so they make no animation.")
    return np.stack(frames)


def recipe_of_run(run: Path) -> dict[str, Any]:
    """What a film of a training run tells of it: its name, its data set and how many epochs have pictures."""
    config = json.loads((run / "config.json").read_text())
    return {"command": "train", "run": run.name, "dataset": config["dataset"], "epochs": len(sample_grids(run))}
