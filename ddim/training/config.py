"""What a training run is asked for."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ddim.configuration import check_choices
from ddim.diffusion.noise import SEED_BOUND
from ddim.errors import UserError
from ddim.model.diffusion_model import ModelConfig, PredictionType

Loss = Literal["mae", "mse"]
TrainingPrecision = Literal["auto", "float32", "bfloat16", "float16"]
LearningRateDecay = Literal["none", "cosine"]
Distribute = Literal["none", "mirrored", "data_parallel"]
KidBlock = Literal[
    "mixed0", "mixed1", "mixed2", "mixed3", "mixed4", "mixed5", "mixed6", "mixed7", "mixed8", "mixed9", "mixed10"
]  # fmt: skip

StopRequested = Callable[[], signal.Signals | None]
"""Returns the signal that asked a run to stop, or None."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run; the defaults are the tutorial's.

    Attributes:
        model: What is trained.
        dataset: A TFDS name such as oxford_flowers102, cifar10, celeb_a or caltech_birds2011, or folder:PATH.
        epochs: How many epochs; after each one the weights are measured.
        repetitions: Passes over the training pictures per epoch.
        batch_size: Pictures in a batch, over all devices together.
        horizontal_flips: Show every picture mirrored half of the time.
        loss: "mae" or "mse", the mean of absolute or squared errors.
        loss_on: What is compared: "noise", "image" or "velocity", whatever the network outputs.
        learning_rate: The learning rate of AdamW.
        learning_rate_decay: "none", or "cosine" down to 0 at the end of the run.
        weight_decay: The weight decay of AdamW, multiplied by the learning rate as Keras does.
        clip_norm: The largest norm of all gradients together; 0 means no limit.
        ema_momentum: Momentum of the averaged weights, which make the pictures.
        precision: "auto", "float32", "bfloat16", or "float16" for GPUs. Weights are always float32.
        seed: Decides initial weights, order, flips, noise and times.
        init_weights: Weights to start from, as `load` takes them, or none.
        kid_images: Pictures to measure KID on after each epoch, at most as many as validation has; 0 turns KID off.
        kid_block: The block of InceptionV3 whose average is the feature.
        inception_weights: The file with InceptionV3's weights; without it they are downloaded.
        checkpoint_minutes: Minutes between checkpoints: the most that a kill can cost.
        distribute: "none", "mirrored" (all GPUs of a machine, TensorFlow) or "data_parallel" (JAX).
        tensorboard: Write losses for TensorBoard too.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    dataset: str = "oxford_flowers102"
    epochs: int = 50
    repetitions: int = 5
    batch_size: int = 64
    horizontal_flips: bool = False
    loss: Loss = "mae"
    loss_on: PredictionType = "noise"
    learning_rate: float = 1e-3
    learning_rate_decay: LearningRateDecay = "none"
    weight_decay: float = 1e-4
    clip_norm: float = 0.0
    ema_momentum: float = 0.999
    precision: TrainingPrecision = "auto"
    seed: int = 0
    init_weights: str | None = None
    kid_images: int = 1024
    kid_block: KidBlock = "mixed10"
    inception_weights: str | None = None
    checkpoint_minutes: float = 5.0
    distribute: Distribute = "none"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("epochs", "repetitions", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, but is {getattr(self, name)}.")
        for name in ("learning_rate", "checkpoint_minutes"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} must be above 0, but is {getattr(self, name)}.")
        for name in ("weight_decay", "clip_norm", "kid_images"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} must not be below 0, but is {getattr(self, name)}.")
        if not 0 <= self.seed < SEED_BOUND:
            raise UserError(f"seed must be from 0 to {SEED_BOUND - 1}, but is {self.seed}.")
        if not 0 <= self.ema_momentum < 1:
            raise UserError(f"ema_momentum must be at least 0 and below 1, but is {self.ema_momentum}.")


PRESETS: dict[str, dict[str, Any]] = {
    "tutorial": {},
    "quick": {
        "image_size": 32,
        "widths": (16, 32, 48),
        "block_depth": 1,
        "epochs": 8,
        "repetitions": 2,
        "horizontal_flips": True,
        "learning_rate": 2e-3,
        "learning_rate_decay": "cosine",
        "ema_momentum": 0.99,
        "kid_images": 256,
    },
}
"""Options by name: the tutorial's, and a small network that shows flowers within minutes on two cores."""
