"""How the network learns: its losses, its optimizer, its average, and what is done after every batch."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import ops

from ddim.diffusion.schedule import Rates
from ddim.model.diffusion_model import PredictionType, read_outputs
from ddim.training.checkpoints import Progress
from ddim.training.config import Loss, StopRequested
from ddim.training.devices import MirroredAdamW


def learning_network(network: keras.Model, prediction_type: PredictionType) -> keras.Model:
    """The same network with its outputs read as noise, image and velocity, so that a loss can use any of them."""
    inputs = {"noisy_images": network.inputs[0], "noise_variances": network.inputs[1]}
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
    learner.compile(
        optimizer=optimizer or "sgd",
        loss={kind: loss if kind == loss_on else None for kind in ("noise", "image", "velocity")},
        metrics={"image": keras.metrics.MeanAbsoluteError(name="loss")},
        jit_compile=keras.backend.backend() == "jax",
    )


def new_optimizer(
    learning_rate: float,
    decay_steps: int | None,
    weight_decay: float,
    clip_norm: float,
    loss_scaling: bool,
    mirrored: bool = False,
) -> keras.optimizers.Optimizer:
    """AdamW (1711.05101); with `decay_steps`, the learning rate falls to 0 along a cosine over that many steps.

    Keras multiplies weight decay by the learning rate, so 1e-4 at 1e-3 shrinks weights by 1e-7 a step. `clip_norm`
    bounds the norm of all gradients together; 0 is no bound. `loss_scaling` keeps float16 gradients from vanishing.
    """
    schedule = learning_rate
    if decay_steps:
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps)
    kind: Any = MirroredAdamW if mirrored and clip_norm else keras.optimizers.AdamW
    optimizer = kind(schedule, weight_decay=weight_decay, epsilon=1e-8, global_clipnorm=clip_norm or None)
    return keras.optimizers.LossScaleOptimizer(optimizer) if loss_scaling else optimizer


def update_average(averages: Iterable[keras.Variable], weights: Iterable[keras.Variable], momentum: float) -> None:
    """average <- momentum * average + (1 - momentum) * weight, batch statistics included, to fit the weights."""
    for average, weight in zip(averages, weights, strict=True):
        # As arrays, since the average is on one device, and the weights may be on several.
        average.assign(momentum * ops.convert_to_numpy(average) + (1 - momentum) * ops.convert_to_numpy(weight))


def diverged(loss: float, step: int) -> str:
    """What to say about a loss that is not finite."""
    return (
        f"The loss is {loss} at step {step}: training diverged. The last good weights are kept. "
        "A lower learning rate, more weight decay or a clipping norm of 1 steadies it."
    )


class AfterEachBatch(keras.callbacks.Callback):
    """Averages the weights, counts the losses into `progress`, stops on NaN or when asked to, and calls `report`."""

    def __init__(
        self,
        averages: list[keras.Variable],
        weights: list[keras.Variable],
        momentum: float,
        progress: Progress,
        stop_requested: StopRequested,
        report: Callable[[dict[str, float]], None],
    ):
        super().__init__()
        self.averages = averages
        self.weights = weights
        self.momentum = momentum
        self.progress = progress
        self.stop_requested = stop_requested
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
        update_average(self.averages, self.weights, self.momentum)

        # Keras reports means since `fit` began, which may be in the middle of an epoch.
        count = batch + 1
        self.progress.step += 1
        self.progress.loss_count = self.loss_count_before + count
        for name in ("loss", "image_loss"):
            self.progress.loss_sums[name] = self.loss_sums_before.get(name, 0) + count * float(logs[name])
        now = time.monotonic()
        self.progress.seconds += now - self.time
        self.time = now
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(diverged(logs["loss"], self.progress.step))
        self.report({name: float(logs[name]) for name in ("loss", "image_loss")})
        if self.stop_requested():
            self.model.stop_training = True
