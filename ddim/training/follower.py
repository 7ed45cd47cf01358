"""A process that learns along, of several that train one run: process 0 measures and writes what it learns too."""

from collections.abc import Callable

import numpy as np

from ddim.model.diffusion_model import DiffusionModel
from ddim.training.trainer import Trainer
from ddim.training.validation import Kids


class Follower(Trainer):
    """Learns what `Trainer` learns in process 0, step by step, and leaves the rest to it."""

    def _kid_meter(self, images: np.ndarray) -> tuple[Callable[[DiffusionModel], Kids] | None, str]:
        return None, ""

    def _validation_losses(self) -> dict[str, float]:
        return {}

    def _close_epoch(self, val_losses: dict[str, float]) -> None:
        self.progress.epochs_done += 1
        self._begin_epoch()

    def _save_checkpoint(self) -> None:
        pass
