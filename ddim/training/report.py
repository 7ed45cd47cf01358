"""What a training process reports while it runs: status.json, metrics.jsonl, a line on the terminal, TensorBoard."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median_low

from ddim.errors import UserError
from ddim.runs.folder import RUNNING, State, Status, append_metrics, read_status, write_status
from ddim.training.checkpoints import Progress

SECONDS_BETWEEN_LINES = 5
SECONDS_BETWEEN_STATUSES = 1
STEPS_OF_SPEED = 20

logger = logging.getLogger("ddim")


class Report:
    """Reports how one run stands, but not too often.

    Attributes:
        message: A sentence for every reader of the status, such as why KID is not measured.
        pictures: What the run learns from.
        progress: Where the run stands, as soon as that is known.
    """

    def __init__(self, run: Path, epochs: int, batch_size: int, show: Callable[[str], None], tensorboard: bool):
        """`show` puts a line on the terminal. Raises UserError where TensorBoard is wanted but not installed."""
        self.run = run
        self.epochs = epochs
        self.batch_size = batch_size
        self.show = show
        self.message = self.pictures = ""
        self.progress: Progress | None = None
        self.is_silent = False
        self.steps_per_epoch = 0
        self.step_seconds: deque[float] = deque(maxlen=STEPS_OF_SPEED)
        self.started = self.line_time = time.time()
        self.batch_time: float | None = None  # when the last batch ended; the first takes a start-up with it
        self.status_time = 0.0
        self.write_scalars = _tensorboard_writer(run) if tensorboard else None

    def batch(self, progress: Progress, losses: dict[str, float]) -> None:
        """After every batch; `losses` are means of the epoch so far."""
        now = time.time()
        if self.batch_time is not None:
            self.step_seconds.append(now - self.batch_time)
        self.batch_time = now
        if now - self.line_time >= SECONDS_BETWEEN_LINES:
            self.line_time = now
            append_metrics(self.run, step=progress.step, **losses)
        if now - self.status_time >= SECONDS_BETWEEN_STATUSES:
            self.status(RUNNING)
            self.show(self._line(progress, losses))

    @property
    def seconds_per_step(self) -> float | None:
        """The median of the last steps, so that one that compiles once more or saves does not count."""
        return median_low(self.step_seconds) if self.step_seconds else None

    def epoch(self, progress: Progress, metrics: dict[str, float | None]) -> None:
        """After every epoch, with all that was measured."""
        append_metrics(self.run, epoch=progress.epochs_done, step=progress.step, **metrics)
        if self.write_scalars:
            self.write_scalars(progress.step, metrics)
        self.status(RUNNING)
        self.batch_time = time.time()

    def status(self, state: State, message: str | None = None) -> None:
        """Write how the run stands, with this message in place of the lasting one.

        A run never fails over its status: what keeps it from being written is told once.
        """
        self.status_time = time.time()
        status = replace(
            self._standing(self.progress) if self.progress else self._stood(),
            state=state,
            message=self.message if message is None else message,
            pictures=self.pictures,
            process=os.getpid(),
            started=self.started,
        )
        try:
            write_status(self.run, status)
        except OSError as error:
            if not self.is_silent:
                logger.warning("How %s stands cannot be written, but training goes on: %s", self.run.name, error)
            self.is_silent = True

    def _stood(self) -> Status:
        """How the run stood, without its speed: until it takes steps again, nobody knows how long they take now."""
        return replace(read_status(self.run), seconds_per_step=None, images_per_second=None, seconds_left=None)

    def _standing(self, progress: Progress) -> Status:
        speed, total_steps = self.seconds_per_step, self.epochs * self.steps_per_epoch
        return Status(
            RUNNING,
            step=progress.step,
            total_steps=total_steps,
            epoch=min(progress.epochs_done + 1, self.epochs),
            epochs=self.epochs,
            seconds_per_step=speed,
            images_per_second=self.batch_size / speed if speed else None,
            seconds_left=speed * (total_steps - progress.step) if speed else None,
            best_epoch=progress.best_epoch,
        )

    def _line(self, progress: Progress, losses: dict[str, float]) -> str:
        line = f"epoch {progress.epochs_done + 1}/{self.epochs}  step {progress.step}  loss {losses['loss']:.4f}"
        speed = self.seconds_per_step
        if not speed:
            return line
        left = timedelta(seconds=round(speed * (self.epochs * self.steps_per_epoch - progress.step)))
        return f"{line}  {self.batch_size / speed:.1f} pictures/s  {left} left"


class Silence(Report):
    """What a process reports that learns along with the one that does: nothing."""

    def __init__(self, run: Path, epochs: int, batch_size: int, show: Callable[[str], None], tensorboard: bool):
        super().__init__(run, epochs, batch_size, show, tensorboard=False)

    def batch(self, progress: Progress, losses: dict[str, float]) -> None:
        """Nothing."""

    def status(self, state: State, message: str | None = None) -> None:
        """Nothing."""


def _tensorboard_writer(run: Path) -> Callable[[int, dict[str, float | None]], None]:
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(run / "tensorboard"))
    try:
        with writer.as_default():
            tf.summary.scalar("epochs", 0, step=0)
    except Exception as error:
        raise UserError("TensorBoard is not installed: pip install tensorboard.") from error

    def write(step: int, metrics: dict[str, float | None]) -> None:
        with writer.as_default():
            for name, number in metrics.items():
                if number is not None:
                    tf.summary.scalar(name, number, step=step)
        writer.flush()

    return write
