"""What a training run is asked for."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from ddim.configuration import Bounds, check_choices, check_numbers, from_json
from ddim.data.folders import FOLDER_PREFIX, with_prefix
from ddim.diffusion.noise import SEED_BOUND
from ddim.errors import UserError
from ddim.model.diffusion_model import ModelConfig, PredictionType
from ddim.model.size import training_bytes
from ddim.training.averages import MAX_LENGTH, MIN_LENGTH

Loss = Literal["mae", "mse", "huber", "pseudo_huber"]
TimeSampling = Literal["uniform", "log_normal"]
TrainingPrecision = Literal["auto", "float32", "bfloat16", "float16"]
OptimizerName = Literal["adamw", "muon"]
LearningRateDecay = Literal["none", "cosine", "linear"]
Distribute = Literal["none", "mirrored", "data_parallel"]
KidBlock = Literal[
    "mixed0", "mixed1", "mixed2", "mixed3", "mixed4", "mixed5", "mixed6", "mixed7", "mixed8", "mixed9", "mixed10"
]  # fmt: skip

LEAST_SIGNAL_RATE = 0.005
"""The lowest signal rate that can be learned. Networks are told the noise variance in float32, half of whose last place
below 1 is 2^-25: a signal rate s, read back from it, is off by up to 2^-26 / s^2 of itself. That is 0.06 % here, 1.5 %
at 0.001, and at 0.0001 no signal is left. Sampling reads outputs by the rates themselves, so it may go below."""

RESUMABLE = ("dataset", "epochs", "inception_weights", "checkpoint_minutes", "distribute", "precision")
"""Options that a resumed run may be given anew: they do not change what it has learned."""

DISTILLATION = "distillation"  # where config.json has what only a distillation is asked for

MAX_AVERAGES = 8
MAX_TRAINING_BYTES = 1 << 40  # of all devices together


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
        class_conditional: Learn the classes of the pictures, so that any can be asked for: the labels of a TFDS set, or
            the names of folders. Needs conditioning "blocks"; classes with fewer than 10 pictures count as none.
        class_dropout: How often a picture is shown without its class, so that guidance has something to lead away from.
        time_sampling: How noise levels are drawn: "uniform" in diffusion time, or "log_normal" in noise over signal,
            mostly where pictures take shape.
        loss: The mean of absolute errors ("mae"), squared ones ("mse"), or squared up to 0.3 and absolute above
            ("huber"); or the mean, over pictures, of the root of a picture's mean squared error ("pseudo_huber").
        loss_on: What is compared: "noise", "image" or "velocity", whatever the network outputs.
        optimizer: "adamw", or "muon", whose steps cost a little more and go much further.
        learning_rate: Its learning rate.
        learning_rate_decay: How it falls to 0 by the end of the run: "none" does not, "cosine" does all the way,
            "linear" after 60 % of the run.
        warmup_steps: Batches over which it first rises from 0.
        weight_decay: The weight decay, multiplied by the learning rate as Keras does.
        clip_norm: The largest norm of all gradients together; 0 means no limit.
        ema_momentum: Momentum of the averaged weights, which make the pictures.
        average_lengths: Lengths, as parts of the run, of averages by a power function in place of that momentum. The
            first makes the pictures; snapshots of them let `average` make any other length afterwards.
        precision: "auto", "float32", "bfloat16", or "float16" for GPUs. Weights are always float32.
        seed: Decides initial weights, order, flips, noise and times.
        init_weights: Weights to start from, as `load` takes them, or none.
        kid_images: Pictures to measure KID on after each epoch, at most as many as validation has; 0 turns KID off.
        kid_block: The block of InceptionV3 whose average is the feature.
        inception_weights: The file with InceptionV3's weights; without it they are downloaded.
        checkpoint_minutes: Minutes between checkpoints: the most that a kill can cost.
        distribute: "none", "mirrored" (all GPUs of a machine, TensorFlow) or "data_parallel" (all of one machine or
            several, JAX).
        tensorboard: Write losses for TensorBoard too.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    dataset: str = "oxford_flowers102"
    epochs: Annotated[int, Bounds(at_least=1, at_most=100_000)] = 50
    repetitions: Annotated[int, Bounds(at_least=1, at_most=100_000)] = 5
    batch_size: Annotated[int, Bounds(at_least=1, at_most=65_536)] = 64
    horizontal_flips: bool = False
    class_conditional: bool = False
    class_dropout: Annotated[float, Bounds(at_least=0, below=1)] = 0.15
    time_sampling: TimeSampling = "uniform"
    loss: Loss = "mae"
    loss_on: PredictionType = "noise"
    optimizer: OptimizerName = "adamw"
    learning_rate: Annotated[float, Bounds(above=0, at_most=10)] = 1e-3
    learning_rate_decay: LearningRateDecay = "none"
    warmup_steps: Annotated[int, Bounds(at_least=0, at_most=1_000_000_000)] = 0
    weight_decay: Annotated[float, Bounds(at_least=0, at_most=100)] = 1e-4
    clip_norm: Annotated[float, Bounds(at_least=0, at_most=1e6)] = 0.0
    ema_momentum: Annotated[float, Bounds(at_least=0, below=1)] = 0.999
    average_lengths: Annotated[tuple[float, ...], Bounds(at_least=MIN_LENGTH, at_most=MAX_LENGTH)] = ()
    precision: TrainingPrecision = "auto"
    seed: Annotated[int, Bounds(at_least=0, below=SEED_BOUND)] = 0
    init_weights: str | None = None
    kid_images: Annotated[int, Bounds(at_least=0, at_most=1_000_000)] = 1024
    kid_block: KidBlock = "mixed10"
    inception_weights: str | None = None
    checkpoint_minutes: Annotated[float, Bounds(above=0, at_most=100_000)] = 5.0
    distribute: Distribute = "none"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "average_lengths", tuple(self.average_lengths))  # JSON has lists
        check_choices(self)
        check_numbers(self)
        if len(self.average_lengths) > MAX_AVERAGES:
            raise UserError(
                f"There are at most {MAX_AVERAGES} average_lengths, but these are {len(self.average_lengths)}."
            )
        needed = training_bytes(self.model.network, self.batch_size)
        if needed > MAX_TRAINING_BYTES:
            raise UserError(
                f"To learn from a batch of {self.batch_size} pictures, this network would take about "
                f"{needed >> 30} GiB, but {MAX_TRAINING_BYTES >> 30} GiB is the limit: make batch_size, image_size or "
                "widths smaller."
            )
        if self.class_conditional and self.model.network.conditioning != "blocks":
            raise UserError("A network that learns classes hears them in its blocks: set conditioning to 'blocks'.")
        if self.optimizer == "muon" and self.distribute == "mirrored" and self.clip_norm:
            raise UserError(
                "With distribute 'mirrored', the optimizer 'muon' cannot clip gradients: set clip_norm to 0."
            )
        if self.model.min_signal_rate < LEAST_SIGNAL_RATE:
            raise UserError(
                f"Training needs a min_signal_rate of {LEAST_SIGNAL_RATE} or more, but it is "
                f"{self.model.min_signal_rate}: below, float32 noise variances do not tell signal rates apart."
            )
        if self.time_sampling == "log_normal" and self.model.max_signal_rate == 1:
            raise UserError("With time_sampling 'log_normal', max_signal_rate must be below 1.")


def config_of_run(run: Path) -> TrainConfig:
    """What a run was asked for. Raises UserError where there is none, or where it is damaged or of another version."""
    path = run / "config.json"
    if not path.is_file():
        raise UserError(f"There is no run {run}: {path.name} is missing.")
    try:
        content = json.loads(path.read_text())
        return from_json(TrainConfig, {name: content[name] for name in content if name != DISTILLATION})
    except UserError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged or of another version, so the run cannot go on: {error}.") from error


def with_absolute_paths(config: TrainConfig) -> TrainConfig:
    """The same, but a run that is resumed from elsewhere still finds its pictures and weights."""
    paths: dict[str, Any] = {}
    dataset = with_prefix(config.dataset)
    if dataset.startswith(FOLDER_PREFIX) and dataset != FOLDER_PREFIX:
        paths["dataset"] = f"{FOLDER_PREFIX}{_absolute(dataset.removeprefix(FOLDER_PREFIX))}"
    if config.inception_weights:
        paths["inception_weights"] = str(_absolute(config.inception_weights))
    if config.init_weights and Path(config.init_weights).parent != Path("."):  # not just a name
        paths["init_weights"] = str(_absolute(config.init_weights))
    return replace(config, **paths)


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


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
    "species": {
        "widths": (64, 128, 256),
        "patch_size": 2,
        "conditioning": "blocks",
        "embedding_size": 64,
        "embedding_max_frequency": 16.0,
        "skips": "added",
        "attention_levels": 1,
        "attention_once": True,
        "prediction_type": "velocity",
        "max_signal_rate": 0.999,
        "epochs": 40,
        "repetitions": 10,
        "horizontal_flips": True,
        "class_conditional": True,
        "time_sampling": "log_normal",
        "loss_on": "velocity",
        "optimizer": "muon",
        "learning_rate": 2e-3,
        "learning_rate_decay": "linear",
        "warmup_steps": 300,
        "weight_decay": 0.0,
        "average_lengths": (0.05, 0.1),
        "kid_images": 512,
    },
}
"""Options by name: the tutorial's, a small network that shows flowers within minutes on two cores, and the network that
draws the species asked for.
"""
