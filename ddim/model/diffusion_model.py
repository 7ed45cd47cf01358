"""The diffusion model: a network and what is needed to read its outputs as noises and pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np

from ddim.configuration import Bounds, check_choices, check_numbers
from ddim.diffusion.sampling import SampleConfig
from ddim.diffusion.schedule import MAX_SIGNAL_RATE, MIN_SIGNAL_RATE, SCHEDULES, Rates, Schedule, ScheduleName
from ddim.diffusion.solvers import Prediction
from ddim.errors import UserError
from ddim.model.classes import class_weights_of, drawn_class, find_class
from ddim.model.engine import Engine
from ddim.model.size import num_weights
from ddim.model.unet import UNetConfig

if TYPE_CHECKING:
    import keras

PredictionType = Literal["noise", "image", "velocity"]
ArrayOrTensor = Any
"""What NumPy or Keras computes with."""

MAX_WEIGHTS = 1_000_000_000


@dataclass(frozen=True)
class ModelConfig:
    """What a set of weights means; the defaults are the tutorial's.

    Attributes:
        network: The shape of the network.
        prediction_type: What its output is: the noise, the image, or the velocity (signal * noise - noise * image).
        schedule: How training spread the noise levels: "cosine", "linear_variance" or "linear_log_snr".
        min_signal_rate: How much picture is left in the noisiest training pictures, above 0; training takes 0.005 or
            more.
        max_signal_rate: How much picture there is in the clearest training pictures, at most 1.
    """

    network: UNetConfig = field(default_factory=UNetConfig)
    prediction_type: PredictionType = "noise"
    schedule: ScheduleName = "cosine"
    min_signal_rate: Annotated[float, Bounds(above=0, below=1)] = MIN_SIGNAL_RATE
    max_signal_rate: Annotated[float, Bounds(above=0, at_most=1)] = MAX_SIGNAL_RATE

    def __post_init__(self) -> None:
        check_choices(self)
        check_numbers(self)
        if (weights := num_weights(self.network)) > MAX_WEIGHTS:
            raise UserError(
                f"This network would have {weights} weights, but {MAX_WEIGHTS} is the limit: "
                "make widths, block_depth or embedding_size smaller."
            )
        if self.prediction_type == "image" and self.max_signal_rate == 1:
            raise UserError("With prediction_type 'image', max_signal_rate must be below 1: at 1 there is no noise.")
        self.training_schedule()  # the schedule checks the signal rates

    def training_schedule(self) -> Schedule:
        """The path along which training put noise on pictures."""
        return SCHEDULES[self.schedule](self.min_signal_rate, self.max_signal_rate)


class Normalizer(NamedTuple):
    """Mean and variance of the training pictures, per channel (C,), with pixels in [0, 1]."""

    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray) -> "Normalizer":
        """The statistics of pictures (N, H, W, C) uint8."""
        # From a histogram, so that no float copy of a large set is made.
        counts = np.stack([np.bincount(images[..., channel].ravel(), minlength=256) for channel in range(3)])
        shares, levels = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
        mean = shares @ levels
        return cls(mean.astype(np.float32), (shares @ levels**2 - mean**2).astype(np.float32))


class NotLoaded(NamedTuple):
    """A network that an engine runs already, and what loads it if somebody asks for its layers or weights."""

    load: "Callable[[], keras.Model]"


class DiffusionModel:
    """A denoising diffusion implicit model, ready to run.

    Attributes:
        config: What the weights mean.
        normalizer: What brings pictures to mean 0 and variance 1 per channel, like the noise.
        card: What is known about the weights, from the file beside them: name, sha256, how they were trained.
        classes: What the network can be asked for, with the number of training pictures of each, in its own order.
        engine: What runs the network, in its own precision.
    """

    def __init__(
        self,
        config: ModelConfig,
        network: "keras.Model | NotLoaded",
        normalizer: Normalizer,
        card: dict[str, Any] | None = None,
        classes: Mapping[str, int] | None = None,
        engine: Engine | None = None,
    ):
        """Without `engine`, Keras runs the network in float32, and its weights may change."""
        self.config = config
        self._network = network
        self.normalizer = normalizer
        self.card = card or {}
        self.classes = dict(classes or {})
        self.engine = engine or _run_by_keras(config.network, self.network)

    @property
    def network(self) -> "keras.Model":
        """The float32 network whose weights are saved."""
        if isinstance(self._network, NotLoaded):
            self._network = self._network.load()
        return self._network

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a picture."""
        return (self.config.network.image_size, self.config.network.image_size, 3)

    def sample_config(self, config: SampleConfig | None = None, **settings: Any) -> SampleConfig:
        """How to sample: as `config` says, or by default at the signal rates of training, except for these settings.

        `settings` are fields of SampleConfig. Raises UserError as SampleConfig does, and TypeError for any other name.
        """
        trained = SampleConfig(min_signal_rate=self.config.min_signal_rate, max_signal_rate=self.config.max_signal_rate)
        return replace(config or trained, **settings)

    def normalize(self, images: np.ndarray) -> np.ndarray:
        """Pictures with pixels on the scale [0, 1] -> pictures of mean 0 and variance 1."""
        normalized: np.ndarray = (images - self.normalizer.mean) / np.sqrt(self.normalizer.variance)
        return normalized

    def denormalize(self, images: np.ndarray) -> np.ndarray:
        """Pictures of mean 0 and variance 1 -> pictures with pixels on the scale [0, 1], not clipped."""
        pixels: np.ndarray = images * np.sqrt(self.normalizer.variance) + self.normalizer.mean
        return pixels

    def warm_up(self, num_images: int) -> None:
        """Run the network once on so many pictures: a batch of a new size is compiled first."""
        self.denoise(np.zeros((num_images, *self.image_shape), np.float32), Rates(noise=0.8, signal=0.6))

    def class_weights(self, seeds: Sequence[int], config: SampleConfig) -> np.ndarray | None:
        """What pictures of these seeds are to show, (B, num_classes) float32; None where weights have no classes.

        Raises UserError for a class that there is not, and for any wish of weights that have none.
        """
        if not self.classes:
            if config.class_name or config.guidance != 1:
                raise UserError(f"{self.card.get('name', 'This network')} knows no classes to ask for or be guided by.")
            return None
        if config.class_name:
            names = [find_class(config.class_name, self.classes)] * len(seeds)
        else:
            names = [drawn_class(seed, self.classes) for seed in seeds]
        return class_weights_of(names, self.classes)

    def denoise(
        self,
        noisy_images: np.ndarray,
        rates: Rates,
        class_weights: np.ndarray | None = None,
        guidance: float = 1.0,
    ) -> Prediction:
        """What the network sees in noisy pictures (B, H, W, C) float32 at unit variance.

        They all have these rates, two floats, or each its own, two arrays (B, 1, 1, 1) float64.
        Where it has classes, it looks for those of `class_weights` (B, num_classes); without them, for any. Guidance
        other than 1 goes from what it sees for any class to what it sees for these by that factor, and beyond
        (classifier-free guidance, 2207.12598, Eq. 6, whose w is guidance - 1).
        """
        if self.classes and class_weights is None:
            class_weights = np.zeros((len(noisy_images), len(self.classes)), np.float32)
        noise_variances = np.empty(len(noisy_images), np.float32)
        noise_variances[:] = np.ravel(rates.noise) ** 2
        if guidance == 1 or class_weights is None:
            outputs = self.engine(noisy_images, noise_variances, class_weights)
        else:
            outputs = self.engine(
                np.concatenate([noisy_images, noisy_images]),
                np.concatenate([noise_variances, noise_variances]),
                np.concatenate([class_weights, np.zeros_like(class_weights)]),
            )
            for_these, for_any = np.split(outputs, 2)
            # What an output means is linear in it, so guiding outputs guides noises and pictures.
            outputs = for_any + np.float32(guidance) * (for_these - for_any)
        return read_outputs(self.config.prediction_type, outputs, noisy_images, rates)


def _run_by_keras(config: UNetConfig, network: "keras.Model") -> Engine:
    from ddim.model.keras_engine import keras_engine  # with Keras, which takes its time

    return keras_engine(config, network, "float32")


def read_outputs(
    prediction_type: PredictionType, outputs: ArrayOrTensor, noisy_images: ArrayOrTensor, rates: Rates
) -> Prediction:
    """What a network's outputs say about noisy pictures; arrays or tensors, all of one shape."""
    match prediction_type:
        case "noise":
            return Prediction(noises=outputs, images=(noisy_images - rates.noise * outputs) / rates.signal)
        case "image":
            return Prediction(noises=(noisy_images - rates.signal * outputs) / rates.noise, images=outputs)
        case "velocity":  # Progressive Distillation (2202.00512), appendix D
            return Prediction(
                noises=rates.noise * noisy_images + rates.signal * outputs,
                images=rates.signal * noisy_images - rates.noise * outputs,
            )


def targets_of(
    prediction_type: PredictionType, noises: ArrayOrTensor, images: ArrayOrTensor, rates: Rates
) -> ArrayOrTensor:
    """What the network should output for `signal * images + noise * noises`: the inverse of `read_outputs`."""
    match prediction_type:
        case "noise":
            return noises
        case "image":
            return images
        case "velocity":
            return rates.signal * noises - rates.noise * images
