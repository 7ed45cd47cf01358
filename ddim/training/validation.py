"""What is measured after each epoch of training: losses and KID on the validation pictures, and pictures to look at."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ddim.diffusion.sampling import SampleConfig
from ddim.evaluation.encoder import InceptionEncoder
from ddim.evaluation.kid import kid_of_batches
from ddim.making.generate import MAX_NUM_IMAGES, generate
from ddim.media.images import grid, save_png
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.weights import few_steps_of
from ddim.training.config import TrainConfig
from ddim.training.examples import Batches
from ddim.training.learning import compile_losses, learning_network

SAMPLE_SEEDS = range(18)
SAMPLE_COLUMNS = 6
SAMPLE_STEPS = 20
KID_STEPS = 5
GUIDANCE = 2.5  # of pictures that a run with classes is measured by, and that its weights are shown with
KID_FIRST_SEED = 2**31  # away from the seeds that people type


def measuring_order(num_images: int) -> np.ndarray:
    """Validation pictures are shuffled once, always alike, so that any part of them covers all categories."""
    return np.random.default_rng(0).permutation(num_images)


def validation_losses(model: DiffusionModel, batches: Batches, config: TrainConfig) -> Callable[[], dict[str, float]]:
    """A function that gives `val_loss` and `val_image_loss` of the model as it then is, always on these batches."""
    learner = learning_network(model.network, model.config.prediction_type)
    compile_losses(learner, config.loss, config.loss_on)

    def measure() -> dict[str, float]:
        losses = learner.evaluate(batches, return_dict=True, verbose=0)
        return {"val_loss": losses["loss"], "val_image_loss": losses["image_loss"]}

    return measure


class Kids(NamedTuple):
    """KID of two ways of sampling, by the tutorial's few steps and as the page does."""

    kid: float
    page_kid: float


def kid_meter(
    encoder: InceptionEncoder, images: np.ndarray, card: Mapping[str, Any]
) -> tuple[Callable[[DiffusionModel], Kids], str]:
    """A function that gives KIDs of models with this card against `images` (N, H, W, C) uint8, and the protocol of both
    in words.

    As many pictures as there are real ones are generated, from the same seeds every time; the features of the real
    ones are computed once.
    """
    real_features = encoder.features(images)
    seeds = range(KID_FIRST_SEED, KID_FIRST_SEED + len(images))

    def kid(model: DiffusionModel, config: SampleConfig) -> float:
        parts = [seeds[start : start + MAX_NUM_IMAGES] for start in range(0, len(seeds), MAX_NUM_IMAGES)]
        generated = np.concatenate([generate(model, part, config) for part in parts])
        return kid_of_batches(real_features, encoder.features(generated)).mean

    def measure(model: DiffusionModel) -> Kids:
        guided = way if model.classes else {**way, "guidance": 1.0}
        return Kids(kid(model, model.sample_config(num_steps=KID_STEPS)), kid(model, model.sample_config(**guided)))

    way = page_sampling(card)
    protocol = (
        f"{encoder.protocol}, {len(images)} validation pictures, batches of 64; kid: {KID_STEPS} DDIM steps, "
        f"page_kid: {way['num_steps']} of {way['solver']}, {way['node_placement']} nodes, "
        f"guidance {way['guidance']} where there are classes"
    )
    return measure, protocol


def page_sampling(card: Mapping[str, Any]) -> dict[str, Any]:
    """How the page samples with weights that have classes and this card, unless told otherwise: fields of SampleConfig,
    of which the guidance is for classes alone.
    """
    return {"guidance": GUIDANCE, **few_steps_of(card)}


def save_samples(model: DiffusionModel, path: Path) -> None:
    """A grid of 3 x 6 pictures, as the tutorial shows them, of the same seeds every time.

    They take 20 DDIM steps, or as many as the weights have learned to do with.
    """
    path.parent.mkdir(exist_ok=True)
    images = generate(model, SAMPLE_SEEDS, num_steps=model.card.get("num_steps", SAMPLE_STEPS))
    save_png(path, grid(images, SAMPLE_COLUMNS))
