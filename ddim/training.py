"""Training: from pictures to weights, as a run that can be killed at any moment and go on.

The network learns by plain supervised `fit`, one call an epoch, on batches that come with their noise (examples.py,
learning.py). What happens between epochs is ordinary code. All that is kept lies in the run's folder (runs.py).
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from ddim import checkpoints, runs
from ddim.engine import has_native_bfloat16
from ddim.examples import Batches, training_examples
from ddim.kid import InceptionEncoder
from ddim.learning import AfterEachBatch, compile_losses, devices, diverged, learning_network, new_optimizer
from ddim.model import DiffusionModel, Normalizer
from ddim.run_report import Report
from ddim.train import StopRequested, TrainConfig, TrainingPrecision
from ddim.training_state import Variables, restore_checkpoint, save_checkpoint
from ddim.unet import Precision, build_unet
from ddim.validation import kid_meter, save_samples, validation_losses


class Training:
    """A run in memory: the pictures, the network that learns, its average, and where it stands."""

    def __init__(
        self, config: TrainConfig, run: Path, report: Report, images: np.ndarray, validation_images: np.ndarray
    ):
        """Pictures are (N, H, W, 3) uint8. Raises ValueError for too few of them, or weights that do not fit."""
        self.config = config
        self.run = run
        self.report = report
        self.devices = devices(config.distribute, config.batch_size)
        keras.utils.set_random_seed(config.seed)

        # Validation pictures are shuffled once, so that a part of them is of all categories.
        validation_images = np.random.default_rng(0).permutation(validation_images)
        self.steps_per_epoch = report.steps_per_epoch = config.repetitions * len(images) // config.batch_size
        if self.steps_per_epoch == 0:
            raise ValueError(f"{len(images)} training pictures do not fill one batch of {config.batch_size}.")

        # Networks: one learns, on all devices; `model` holds its average, which is all that is ever shown, on one.
        self.model = _initial_model(config, images)
        with self.devices():
            self._build_learner()

        # Measures.
        self.examples_at = training_examples(
            images, config.batch_size, config.horizontal_flips, config.seed, config.model, self.model.normalizer
        )
        self.measure_losses = validation_losses(
            self.model, validation_images, config.batch_size, config.seed, config.loss, config.loss_on
        )
        self.measure_kid, self.kid_protocol = self._kid_meter(validation_images[: config.kid_images])

        # Where it stands.
        self.progress = restore_checkpoint(run / "checkpoints", self._variables())
        self.checkpoint_time = time.monotonic()
        runs.cut_metrics(run, self.progress.step, self.progress.epochs_done)

    def _build_learner(self) -> None:
        config, mirrored = self.config, self.config.distribute == "mirrored"
        precision = network_precision(config.precision)
        on_one_device = "fused" if keras.backend.backend() == "tensorflow" else "plain"
        self.network = build_unet(config.model.network, precision, "synchronized" if mirrored else on_one_device)
        self.network.set_weights(self.model.network.get_weights())
        self.learner = learning_network(self.network, config.model.prediction_type)
        decay_steps = config.epochs * self.steps_per_epoch if config.learning_rate_decay == "cosine" else None
        loss_scaling = precision == "mixed_float16"
        self.optimizer = new_optimizer(
            config.learning_rate, decay_steps, config.weight_decay, config.clip_norm, loss_scaling, mirrored
        )
        self.optimizer.build(self.learner.trainable_variables)
        compile_losses(self.learner, config.loss, config.loss_on, self.optimizer)

    def run_epochs(self, stop_requested: StopRequested) -> None:
        """Go on until the last epoch is done or a stop is requested; then everything is saved."""
        while self.progress.epochs_done < self.config.epochs:
            self.learn(stop_requested)
            if stop_requested():
                self._save_checkpoint()
                return
            self._close_epoch()
            self._save_checkpoint()

    def learn(self, stop_requested: StopRequested) -> None:
        """The rest of the epoch under way, unless a stop is requested."""
        end = (self.progress.epochs_done + 1) * self.steps_per_epoch
        if self.progress.step == end:  # stopped between the last batch and the measuring
            return

        def after_batch(losses: dict[str, float]) -> None:
            self.report.batch(self.progress, losses)
            if time.monotonic() - self.checkpoint_time > 60 * self.config.checkpoint_minutes:
                self._save_checkpoint()

        callback = AfterEachBatch(
            self.model.network.weights,
            self.network.weights,
            self.config.ema_momentum,
            self.progress,
            stop_requested,
            after_batch,
        )
        batches = Batches(self.examples_at, self.progress.step, end)
        with self.devices():
            self.learner.fit(batches, shuffle=False, verbose=0, callbacks=[callback])

    def _close_epoch(self) -> None:
        """Measure, show, keep the weights if they are the best so far, and log."""
        progress = self.progress
        progress.epochs_done += 1
        self.report.show(f"epoch {progress.epochs_done}/{self.config.epochs}  measuring")
        losses = {name: total / progress.loss_count for name, total in progress.loss_sums.items()}
        validation = self.measure_losses()
        if not math.isfinite(validation["val_loss"]):
            raise FloatingPointError(diverged(validation["val_loss"], progress.step))
        kid = self.measure_kid(self.model) if self.measure_kid else None
        save_samples(self.model, self.run / "samples" / f"epoch_{progress.epochs_done:04d}.png")

        measure = validation["val_loss"] if kid is None else kid
        if progress.best is None or measure < progress.best:
            progress.best, progress.best_epoch = measure, progress.epochs_done
            checkpoints.save(
                self.model,
                self.run / checkpoints.BEST,
                training={**asdict(self.config), "epoch": progress.epochs_done, "step": progress.step},
                kid={"value": kid, "protocol": self.kid_protocol},
                val_loss=validation["val_loss"],
            )
        learning_rate = float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))
        metrics = {**losses, **validation, "kid": kid, "kid_std": None}
        self.report.epoch(progress, {**metrics, "seconds": progress.seconds, "learning_rate": learning_rate})
        progress.seconds, progress.loss_sums, progress.loss_count = 0.0, {}, 0

    def _kid_meter(self, images: np.ndarray) -> tuple[Callable[[DiffusionModel], float] | None, str]:
        """How KID is measured and by which protocol, or None and why it is not."""
        if len(images) < 2:
            return None, "KID is not measured: no pictures were asked for."
        try:
            encoder = InceptionEncoder(self.config.kid_block, self.config.inception_weights)
        except OSError as error:
            self.report.message = f"KID is not measured, the best epoch is that of the lowest validation loss. {error}"
            return None, self.report.message
        return kid_meter(encoder, images)

    def _variables(self) -> Variables:
        return {
            "network": self.network.weights,
            "average": self.model.network.weights,
            "optimizer": self.optimizer.variables,
        }

    def _save_checkpoint(self) -> None:
        save_checkpoint(self.run / "checkpoints", self.progress, self._variables())
        self.checkpoint_time = time.monotonic()


def _initial_model(config: TrainConfig, images: np.ndarray) -> DiffusionModel:
    """A fresh model for these pictures, or one that goes on from others, whose noise levels may have been other ones.

    Raises ValueError if those are weights of another network, or of another prediction.
    """
    if config.init_weights is None:
        return DiffusionModel(config.model, build_unet(config.model.network), Normalizer.of(images))
    model = checkpoints.load(config.init_weights, "float32")
    wanted = (config.model.network, config.model.prediction_type)
    if (model.config.network, model.config.prediction_type) != wanted:
        raise ValueError(
            f"{config.init_weights} cannot be trained further so: they are weights of {model.config}, "
            f"but the run is of {config.model}."
        )
    return DiffusionModel(config.model, model.network, model.normalizer)  # whose weights may change


def network_precision(precision: TrainingPrecision) -> Precision:
    """The Keras policy to train in; "auto" is float16 on a GPU, bfloat16 where the processor has it, float32 else."""
    if precision == "auto":
        has_gpu = bool(keras.distribution.list_devices("gpu"))
        precision = "float16" if has_gpu else "bfloat16" if has_native_bfloat16() else "float32"
    return {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}[precision]
