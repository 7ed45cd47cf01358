"""From pictures to weights, as a run that can be killed at any moment and resumed.

The network learns by plain supervised `fit`, one call an epoch, on batches that come with their noise (examples.py,
learning.py). What they show is a subject of its own: denoising.py, or distillation.py. What happens between epochs is
ordinary code. All that is kept is in the run's folder.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np

from ddim.data import Dataset, Pictures
from ddim.errors import UserError
from ddim.evaluation.encoder import InceptionEncoder
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.unet import Form, build_unet
from ddim.model.weights import BEST, save
from ddim.processes.member import ALONE, Member
from ddim.runs.folder import cut_metrics
from ddim.training.averages import SNAPSHOTS, power_momentum, save_snapshot
from ddim.training.checkpoints import Progress, Variables, restore_checkpoint, save_checkpoint
from ddim.training.config import TrainConfig
from ddim.training.denoising import Denoising
from ddim.training.devices import devices, network_precision
from ddim.training.distill_config import DistillConfig
from ddim.training.distillation import Distillation
from ddim.training.examples import Batches
from ddim.training.learning import AfterEachBatch, compile_losses, diverged, new_optimizer, optimizer_state
from ddim.training.report import Report
from ddim.training.running_averages import arrays_of, new_average, update_average
from ddim.training.stopping import StopRequest
from ddim.training.validation import Kids, kid_meter, measuring_order, save_samples, validation_losses

NUM_SNAPSHOTS = 20


class Trainer:
    """A run in memory: the pictures, the network that learns, its average, and where it stands."""

    def __init__(
        self,
        config: TrainConfig,
        run: Path,
        report: Report,
        dataset: Dataset,
        stop: StopRequest | None = None,
        accept_changed_data: bool = False,
        distillation: DistillConfig | None = None,
        member: Member = ALONE,
    ):
        """Raises UserError for too few pictures or classes, for weights that do not fit, for checkpoints that cannot be
        used, and for other pictures than the run has learned from, unless they are accepted.
        """
        pictures, validation, _ = dataset
        self.run = run
        self.report = report
        self.stop = stop or StopRequest()
        self.devices = devices(config.distribute, config.batch_size)
        keras.utils.set_random_seed(config.seed)

        order = measuring_order(len(validation.images))
        validation = Pictures(validation.images[order], validation.class_names[order])
        count = len(pictures.images)
        self.steps_per_epoch = report.steps_per_epoch = config.repetitions * count // config.batch_size
        if self.steps_per_epoch == 0:
            raise UserError(f"{count} training pictures do not fill one batch of {config.batch_size}.")

        # Networks: one learns, on all devices; `model` holds its average after each epoch: all that is ever shown.
        self.subject = Distillation(config, distillation) if distillation else Denoising(config, pictures)
        self.model = self.subject.model
        self.config = replace(config, model=self.model.config)
        with self.devices():
            self._build_learner()

        self.examples_at = self.subject.training_examples(pictures, config.epochs * self.steps_per_epoch, member)
        self._prepare_measures(validation)

        # Where it stands.
        self.progress = report.progress = restore_checkpoint(run / "checkpoints", self._variables())
        _check_data(self.progress, described(pictures, validation), accept_changed_data)
        self.checkpoint_time = time.monotonic()
        if member.writes:
            cut_metrics(run, self.progress.step, self.progress.epochs_done)

    def _build_learner(self) -> None:
        config, mirrored = self.config, self.config.distribute == "mirrored"
        precision = network_precision(config.precision)
        on_one_device: Form = "fused" if keras.backend.backend() == "tensorflow" else "plain"
        self.network = build_unet(config.model.network, precision, "synchronized" if mirrored else on_one_device)
        self.network.set_weights(self.model.network.get_weights())
        self.learner = self.subject.learner(self.network)
        total_steps = config.epochs * self.steps_per_epoch
        self.optimizer = new_optimizer(config, total_steps, loss_scaling=precision == "mixed_float16")
        self.optimizer.build(self.learner.trainable_variables)
        compile_losses(self.learner, config.loss, config.loss_on, self.optimizer)
        self.averages = [new_average(self.network) for _ in config.average_lengths or (None,)]

    def run_epochs(self) -> None:
        """Go on until the last epoch is done or a stop is requested; then everything is saved."""
        while self.progress.epochs_done < self.config.epochs and not self.stop.is_agreed():
            self.learn()
            val_losses = {} if self.stop.is_agreed() else self._validation_losses()
            self._save_checkpoint()
            if self.stop.is_agreed():
                return
            self._close_epoch(val_losses)  # which takes its time, but has nothing to save until it is done
            self._save_checkpoint()

    def learn(self) -> None:
        """The rest of the epoch under way, unless a stop is requested."""
        end = self.progress.epoch_began + self.steps_per_epoch
        if self.progress.step >= end:  # stopped between the last batch and the measuring
            return

        def after_batch(losses: dict[str, float]) -> None:
            self.report.batch(self.progress, losses)
            if time.monotonic() - self.checkpoint_time > 60 * self.config.checkpoint_minutes:
                self._save_checkpoint()

        callback = AfterEachBatch(self.progress, self._average, self.stop, after_batch)
        batches = Batches(self.examples_at, self.progress.step, end)
        with self.devices():
            self.learner.fit(batches, shuffle=False, verbose=0, callbacks=[callback])

    def _average(self) -> None:
        lengths, step = self.config.average_lengths, self.progress.step
        momentums = [power_momentum(step, length) for length in lengths] or [self.config.ema_momentum]
        for average, momentum in zip(self.averages, momentums, strict=True):
            update_average(average, self.network.weights, momentum)

    def _validation_losses(self) -> dict[str, float]:
        """Those of the average. Raises FloatingPointError if training diverged: such weights are not worth keeping."""
        self.report.show(f"epoch {self.progress.epochs_done + 1}/{self.config.epochs}  measuring")
        self.model.network.set_weights(arrays_of(self.averages[0]))
        losses = self.measure_losses()
        if not math.isfinite(losses["val_loss"]):
            raise FloatingPointError(diverged(f"The validation loss is {losses['val_loss']}", self.progress.step))
        return losses

    def _close_epoch(self, val_losses: dict[str, float]) -> None:
        """Measure, show, keep the weights if they are the best so far, and log."""
        progress, epoch = self.progress, self.progress.epochs_done + 1
        losses = {name: total / progress.loss_count for name, total in progress.loss_sums.items()}
        kids = self.measure_kids(self.model) if self.measure_kids else None
        measured = kids._asdict() if kids else dict.fromkeys(Kids._fields)
        save_samples(self.model, self.run / "samples" / f"epoch_{epoch:04d}.png")

        progress.epochs_done = epoch
        if self.config.average_lengths and epoch % math.ceil(self.config.epochs / NUM_SNAPSHOTS) == 0:
            arrays = [arrays_of(average) for average in self.averages]
            save_snapshot(self.run / SNAPSHOTS, progress.step, self.config.average_lengths, arrays)

        measure = kids.page_kid if kids else val_losses["val_loss"]
        if progress.best is None or measure < progress.best:
            progress.best, progress.best_epoch = measure, epoch
            save(
                self.model,
                self.run / BEST,
                training={**asdict(self.config), "epoch": epoch, "step": progress.step},
                kid={"value": measured["kid"], "page_value": measured["page_kid"], "protocol": self.kid_protocol},
                val_loss=val_losses["val_loss"],
                **self.model.card,
            )
        learning_rate = float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))
        metrics = {**losses, **val_losses, **measured, "kid_std": None}
        self.report.epoch(progress, {**metrics, "seconds": progress.seconds, "learning_rate": learning_rate})
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        progress = self.progress
        progress.epoch_began, progress.seconds, progress.loss_sums, progress.loss_count = progress.step, 0.0, {}, 0

    def _prepare_measures(self, validation: Pictures) -> None:
        batches = self.subject.validation_batches(validation)
        self.measure_losses = validation_losses(self.model, batches, self.config)
        self.measure_kids, self.kid_protocol = self._kid_meter(validation.images[: self.config.kid_images])

    def _kid_meter(self, images: np.ndarray) -> tuple[Callable[[DiffusionModel], Kids] | None, str]:
        """How KIDs are measured and by which protocol, or None and why it is not."""
        if len(images) < 2:
            return None, "KID is not measured: no pictures were asked for."
        try:
            encoder = InceptionEncoder(self.config.kid_block, self.config.inception_weights)
        except OSError as error:
            self.report.message = f"KID is not measured, so the best epoch has the lowest validation loss. {error}"
            return None, self.report.message
        return kid_meter(encoder, images, self.model.card)

    def _variables(self) -> Variables:
        groups = {"network": self.network.weights}
        groups |= {f"average_{number}": average for number, average in enumerate(self.averages)}
        variables = {f"{group}/{place}": one for group, members in groups.items() for place, one in enumerate(members)}
        return variables | optimizer_state(self.optimizer, self.learner.trainable_variables)

    def _save_checkpoint(self) -> None:
        self.stop.at_once = False
        save_checkpoint(self.run / "checkpoints", self.progress, self._variables())
        self.stop.at_once = True
        self.checkpoint_time = time.monotonic()


def described(pictures: Pictures, validation: Pictures) -> str:
    """What a run learns from and is measured by, to be told from another set or part of it."""
    parts = {"training": pictures, "validation": validation}
    return ", ".join(f"{len(part.images)} {name} pictures {part.checksum[:12]}".strip() for name, part in parts.items())


def _check_data(progress: Progress, data: str, accept_changed_data: bool) -> None:
    """Note the pictures of a run that begins or accepts them. Raises UserError if they are not those of before."""
    if progress.data and progress.data != data and not accept_changed_data:
        raise UserError(
            f"The pictures have changed: the run has learned from {progress.data}, but there are {data} now. "
            "Bring back those of before, or go on with these by --accept-changed-data."
        )
    progress.data = data
