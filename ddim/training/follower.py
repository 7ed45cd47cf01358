"""A process that learns along, of several that train one run: process 0 measures and writes what it learns too."""

from ddim.data import Pictures
from ddim.training.trainer import Trainer


class Follower(Trainer):
    """Learns what `Trainer` learns in process 0, step by step, and leaves the rest to it."""

    def _prepare_measures(self, validation: Pictures) -> None:
        pass

    def _validation_losses(self) -> dict[str, float]:
        return {}

    def _close_epoch(self, val_losses: dict[str, float]) -> None:
        self.progress.epochs_done += 1
        self._begin_epoch()

    def _save_checkpoint(self) -> None:
        pass
