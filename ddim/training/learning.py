"""How the network learns: its losses, its optimizer, its average, and what is done after every batch."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from ddim.diffusion.schedule import Rates
from ddim.model.diffusion_model import PredictionType, read_outputs
from ddim.training.checkpoints import Progress
from ddim.training.config import LearningRateDecay, Loss, TrainConfig
from ddim.training.devices import MirroredAdamW
from ddim.training.muon import Muon
from ddim.training.stopping import StopRequest

HUBER_DELTA = 0.3
PSEUDO_HUBER_C = 0.00054
CONSTANT_PART = 0.6


def learning_network(network: keras.Model, prediction_type: PredictionType) -> keras.Model:
    """The same network with its outputs read as noise, image and velocity, so that a loss can use any of them."""
    inputs = {tensor.name: tensor for tensor in network.inputs}
    noise_variances = ops.reshape(inputs["noise_variances"], (-1, 1, 1, 1))
    rates = Rates(noise=ops.sqrt(noise_variances), signal=ops.sqrt(1 - noise_variances))
    prediction = read_outputs(prediction_type, network(list(inputs.values())), inputs["noisy_images"], rates)
    velocities = rates.signal * prediction.noises - rates.noise * prediction.images
    return keras.Model(inputs, {"noise": prediction.noises, "image": prediction.images, "velocity": velocities})


def compile_losses(
    learner: keras.Model, loss: Loss, loss_on: PredictionType, optimizer: keras.optimizers.Optimizer | None = None
) -> None:
    """Learn by one number: the mean error over batch, pixels and channels. Reports `loss` and `image_loss`, always MAE.

    The tutorial sums its loss over pixels before taking gradients. With a mean, they are smaller by the number of
    summands; Adam divides that out, but its epsilon and a clipping norm do not: here both mean what they say.
    """
    errors = {"huber": keras.losses.Huber(delta=HUBER_DELTA), "pseudo_huber": pseudo_huber}.get(loss, loss)
    learner.compile(
        optimizer=optimizer or "sgd",
        loss={kind: errors if kind == loss_on else None for kind in ("noise", "image", "velocity")},
        metrics={"image": keras.metrics.MeanAbsoluteError(name="loss")},
        jit_compile=keras.backend.backend() == "jax",
    )


def pseudo_huber(targets: Any, predictions: Any) -> Any:
    """sqrt(e^2 + c^2) - c for each picture (B,), e being the root of the mean of its squared errors.

    After Improved Techniques for Training Consistency Models (2310.14189), section 3.3, but divided by the root of the
    number of pixels and channels, as is the c there: a batch of pictures that are far off weighs no more than others.
    """
    squares = ops.mean(ops.square(targets - predictions), axis=(1, 2, 3))
    return ops.sqrt(squares + PSEUDO_HUBER_C**2) - PSEUDO_HUBER_C


def new_optimizer(config: TrainConfig, total_steps: int, loss_scaling: bool) -> keras.optimizers.Optimizer:
    """AdamW (1711.05101) or Muon (muon.py) for a run of so many steps.

    Keras multiplies weight decay by the learning rate, so 1e-4 at 1e-3 shrinks weights by 1e-7 a step. `clip_norm`
    bounds the norm of all gradients together; 0 is no bound. `loss_scaling` keeps float16 gradients from vanishing.
    """
    schedule: Any = config.learning_rate
    if config.warmup_steps or config.learning_rate_decay != "none":
        schedule = LearningRate(config.learning_rate, config.warmup_steps, config.learning_rate_decay, total_steps)
    settings: dict[str, Any] = {
        "weight_decay": config.weight_decay,
        "epsilon": 1e-8,
        "global_clipnorm": config.clip_norm or None,
    }
    if config.optimizer == "muon":
        optimizer: Any = Muon(schedule, adam_weight_decay=config.weight_decay, **settings)
    elif config.distribute == "mirrored" and config.clip_norm:
        optimizer = MirroredAdamW(schedule, **settings)
    else:
        optimizer = keras.optimizers.AdamW(schedule, **settings)
    return keras.optimizers.LossScaleOptimizer(optimizer) if loss_scaling else optimizer


def optimizer_state(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> dict[str, keras.Variable]:
    """What an optimizer of these variables remembers, by names that no backend or precision changes.

    Neither the learning rate, which the configuration decides, nor the scale of losses, which finds itself anew.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    places = {variable.path.replace("/", "_"): place for place, variable in enumerate(variables)}
    state = {"iteration": inner.iterations}
    for variable in inner.variables:
        owner, _, slot = variable.path.rpartition("/")[2].rpartition("_")
        if owner in places:
            state[f"{slot}/{places[owner]}"] = variable
    return state


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises along a line for `warmup_steps`, and falls to 0 by the last of `total_steps`.

    "cosine" falls along a cosine from the first step on, "linear" along a line after 60 % of the steps.
    """

    def __init__(self, peak: float, warmup_steps: int, decay: LearningRateDecay, total_steps: int):
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.total_steps = total_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate for the update after `step` others."""
        step = ops.cast(step, "float32")
        part = ops.minimum(step / self.total_steps, 1.0)
        rate = self.peak * ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        match self.decay:
            case "cosine":
                return rate * (1 + ops.cos(math.pi * part)) / 2
            case "linear":
                return rate * ops.minimum((1 - part) / (1 - CONSTANT_PART), 1.0)
        return rate

    def get_config(self) -> dict[str, Any]:
        """What makes it again."""
        return dict(vars(self))


def diverged(loss: str, step: int) -> str:
    """What to say about a loss, as "the loss is nan", that is not finite."""
    return (
        f"{loss} at step {step}: training diverged. The last good weights are kept. "
        "A lower learning rate, more weight decay or a clipping norm of 1 steadies it."
    )


class AfterEachBatch(keras.callbacks.Callback):
    """Counts the losses into `progress`, calls `average` and `report`, and stops on NaN or when asked to."""

    def __init__(
        self,
        progress: Progress,
        average: Callable[[], None],
        stop: StopRequest,
        report: Callable[[dict[str, float]], None],
    ):
        super().__init__()
        self.progress = progress
        self.average = average
        self.stop = stop
        self.report = report

    def on_train_begin(self, logs: Any = None) -> None:
        """Note where the epoch stands: `fit` counts from 0."""
        self.loss_sums_before = dict(self.progress.loss_sums)
        self.loss_count_before = self.progress.loss_count
        self.time = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do all of this. Raises FloatingPointError for a loss that is not finite."""
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # while it fits, JAX holds the weights elsewhere
        self.stop.at_once = False
        self.progress.step += 1
        self.average()

        # Keras reports means since `fit` began, which may be in the middle of an epoch.
        count = batch + 1
        self.progress.loss_count = self.loss_count_before + count
        for name in ("loss", "image_loss"):
            self.progress.loss_sums[name] = self.loss_sums_before.get(name, 0) + count * float(logs[name])
        now = time.monotonic()
        self.progress.seconds += now - self.time
        self.time = now
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(diverged(f"The loss is {logs['loss']}", self.progress.step))
        self.report({name: float(logs[name]) for name in ("loss", "image_loss")})
        if self.stop.is_agreed():
            self.model.stop_training = True
