"""What a training run is asked for, and how it begins and ends; training.py is what happens in between."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ddim import runs
from ddim.data import load_images
from ddim.model import ModelConfig, PredictionType
from ddim.noise import SEED_BOUND
from ddim.options import check_choices
from ddim.run_report import Report
from ddim.training_state import Progress

Loss = Literal["mae", "mse"]
TrainingPrecision = Literal["auto", "float32", "bfloat16", "float16"]
LearningRateDecay = Literal["none", "cosine"]
Distribute = Literal["none", "mirrored", "data_parallel"]
KidBlock = Literal[
    "mixed0", "mixed1", "mixed2", "mixed3", "mixed4", "mixed5", "mixed6", "mixed7", "mixed8", "mixed9", "mixed10"
]  # fmt: skip
StopRequested = Callable[[], signal.Signals | None]


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run; the defaults are the tutorial's.

    Attributes:
        model: What is trained.
        dataset: A TFDS name such as oxford_flowers102, cifar10, celeb_a or caltech_birds2011, or folder:PATH.
        epochs: How many epochs; after each one the weights are measured.
        repetitions: Passes over the training pictures in an epoch.
        batch_size: Pictures in a batch, over all devices together.
        horizontal_flips: Show every picture mirrored half of the time.
        loss: "mae" or "mse", the mean of absolute or squared errors.
        loss_on: What is compared: "noise", "image" or "velocity", whatever the network puts out.
        learning_rate: Of AdamW.
        learning_rate_decay: "none", or "cosine" down to 0 at the end of the run.
        weight_decay: Of AdamW, multiplied by the learning rate as Keras does.
        clip_norm: The largest norm of all gradients together; 0 is no limit.
        ema_momentum: Momentum of the averaged weights, with which pictures are made.
        precision: "auto", "float32", "bfloat16", or "float16" for GPUs. Weights are always float32.
        seed: Of initial weights, order, flips, noise and times.
        init_weights: Weights to start from, as `load` takes them, or none.
        kid_images: Pictures to measure KID on after each epoch, at most as many as validation has; 0 is no KID.
        kid_block: The block of InceptionV3 whose average is the feature.
        inception_weights: The file with InceptionV3's weights; without it they are downloaded.
        checkpoint_minutes: How much a kill can cost at most.
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

    def __post_init__(self):
        check_choices(self)
        for name in ("epochs", "repetitions", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)}.")
        for name in ("learning_rate", "checkpoint_minutes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, but is {getattr(self, name)}.")
        for name in ("weight_decay", "clip_norm", "kid_images"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be below 0, but is {getattr(self, name)}.")
        if not 0 <= self.seed < SEED_BOUND:
            raise ValueError(f"seed must be from 0 to {SEED_BOUND - 1}, but is {self.seed}.")
        if not 0 <= self.ema_momentum < 1:
            raise ValueError(f"ema_momentum must be at least 0 and below 1, but is {self.ema_momentum}.")

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "TrainConfig":
        return cls(**{**fields, "model": ModelConfig.from_json(fields["model"])})


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
"""Options by name: the tutorial's, and a small network that shows flowers after minutes on two cores."""


def train(config: TrainConfig, run: Path, show: Callable[[str], None] = lambda line: None) -> signal.Signals | None:
    """Train in the folder `run`, from its last checkpoint if it has one, until the end, Ctrl-C or SIGTERM.

    On either signal the batch is finished, everything is saved, and the signal returned. `show` takes a line of
    progress now and then. Raises ValueError or OSError for what cannot be trained or written, and FloatingPointError
    if the loss diverges; the run's status says so too.
    """
    run.mkdir(parents=True, exist_ok=True)
    with runs.locked(run), _noted_signals() as stop_requested:
        report = Report(run, config.epochs, config.batch_size, show, config.tensorboard)
        progress = Progress()
        report.beginning("Reading pictures and compiling the network.")
        runs.write_json(run / "config.json", asdict(config))
        try:
            # Pictures first, and Keras after them: what is wrong with a data set is told at once.
            image_size = config.model.network.image_size
            images = load_images(config.dataset, "train", image_size)
            validation_images = load_images(config.dataset, "validation", image_size)
            from ddim.training import Training

            training = Training(config, run, report, images, validation_images)
            progress = training.progress
            training.run_epochs(stop_requested)
        except (ValueError, OSError, FloatingPointError) as error:
            report.status(runs.FAILED, progress, str(error))
            raise
        finished = progress.epochs_done == config.epochs
        report.status(runs.FINISHED if finished else runs.STOPPED, progress)
        return None if finished else stop_requested()


@contextmanager
def _noted_signals() -> Iterator[StopRequested]:
    """Ctrl-C and SIGTERM are only noted; what is yielded tells the first one that came."""
    noted: list[signal.Signals] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda number, frame: noted.append(signal.Signals(number))) for kind in kinds]
    try:
        yield lambda: noted[0] if noted else None
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
