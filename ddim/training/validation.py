"""What is measured after each epoch of training: losses and KID on the validation pictures, and pictures to look at."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddim.evaluation.encoder import InceptionEncoder
from ddim.evaluation.kid import kid_of_batches
from ddim.making.generate import MAX_NUM_IMAGES, generate
from ddim.media.images import grid, save_png
from ddim.model.diffusion_model import DiffusionModel, PredictionType
from ddim.training.config import Loss
from ddim.training.examples import Batches, validation_examples
from ddim.training.learning import compile_losses, learning_network

SAMPLE_SEEDS = range(18)
SAMPLE_COLUMNS = 6
SAMPLE_STEPS = 20
KID_STEPS = 5
KID_FIRST_SEED = 2**31  # away from the seeds that people type


def validation_losses(
    model: DiffusionModel, images: np.ndarray, batch_size: int, seed: int, loss: Loss, loss_on: PredictionType
) -> Callable[[], dict[str, float]]:
    """A function that gives `val_loss` and `val_image_loss` of the model as it then is, always on the same noise."""
    learner = learning_network(model.network, model.config.prediction_type)
    compile_losses(learner, loss, loss_on)
    batch_size = min(batch_size, len(images))
    examples_at = validation_examples(images, batch_size, seed, model.config, model.normalizer)
    batches = Batches(examples_at, 0, len(images) // batch_size)

    def measure() -> dict[str, float]:
        losses = learner.evaluate(batches, return_dict=True, verbose=0)
        return {"val_loss": losses["loss"], "val_image_loss": losses["image_loss"]}

    return measure


def kid_meter(encoder: InceptionEncoder, images: np.ndarray) -> tuple[Callable[[DiffusionModel], float], str]:
    """A function that gives a model's KID against `images` (N, H, W, C) uint8 by the tutorial's protocol, and its name.

    As many pictures as there are real ones are generated, from the same seeds every time; the features of the real
    ones are computed once.
    """
    real_features = encoder.features(images)
    seeds = range(KID_FIRST_SEED, KID_FIRST_SEED + len(images))

    def measure(model: DiffusionModel) -> float:
        parts = [seeds[start : start + MAX_NUM_IMAGES] for start in range(0, len(seeds), MAX_NUM_IMAGES)]
        generated = np.concatenate([generate(model, part, num_steps=KID_STEPS) for part in parts])
        return kid_of_batches(real_features, encoder.features(generated)).mean

    protocol = f"{encoder.protocol}, {KID_STEPS} DDIM steps, {len(images)} validation pictures, batches of 64"
    return measure, protocol


def save_samples(model: DiffusionModel, path: Path) -> None:
    """A grid of 3 x 6 pictures, as the tutorial shows them, of the same seeds every time."""
    path.parent.mkdir(exist_ok=True)
    images = generate(model, SAMPLE_SEEDS, num_steps=SAMPLE_STEPS)
    save_png(path, grid(images, SAMPLE_COLUMNS))
