"""A training run from its beginning to its end; trainer.py is what happens in between."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from ddim.data import load_pictures
from ddim.errors import BUG, UserError
from ddim.runs.folder import FAILED, FINISHED, STOPPED, locked, write_json
from ddim.training.checkpoints import Progress
from ddim.training.config import StopRequested, TrainConfig
from ddim.training.report import Report


def train(
    config: TrainConfig,
    run: Path,
    show: Callable[[str], None] = lambda line: None,
    accept_changed_data: bool = False,
) -> signal.Signals | None:
    """Train in the folder `run`, from its last checkpoint if it has one, until the end, Ctrl-C or SIGTERM.

    On either signal the batch is finished, everything is saved, and the signal is returned. `show` takes a line of
    progress now and then. Pictures that have changed since the last checkpoint are refused unless accepted. Raises
    UserError or OSError for what cannot be trained or written, and FloatingPointError if the loss diverges; whatever
    ends it, the run's status says so too.
    """
    run.mkdir(parents=True, exist_ok=True)
    with locked(run), _noted_signals() as stop_requested:
        report = Report(run, config.epochs, config.batch_size, show, config.tensorboard)
        progress = Progress()
        report.beginning("Reading pictures and compiling the network.")
        if not (run / "config.json").exists():
            write_json(run / "config.json", asdict(config))
        try:
            # Pictures first, Keras after them: what is wrong with a data set is reported at once.
            image_size = config.model.network.image_size
            pictures = load_pictures(config.dataset, "train", image_size)
            validation = load_pictures(config.dataset, "validation", image_size)
            from ddim.training.devices import resolved_precision
            from ddim.training.trainer import Trainer

            config = replace(config, precision=resolved_precision(config.precision))
            trainer = Trainer(config, run, report, pictures, validation, accept_changed_data)
            write_json(run / "config.json", asdict(config))  # a run keeps its precision wherever it goes on
            progress = trainer.progress
            trainer.run_epochs(stop_requested)
        except (UserError, OSError, FloatingPointError) as error:
            report.status(FAILED, progress, str(error))
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            report.status(FAILED, progress, f"{BUG} ({reason}): train.log in its folder says more.")
            raise
        finished = progress.epochs_done >= config.epochs
        report.status(FINISHED if finished else STOPPED, progress)
        return None if finished else stop_requested()


@contextmanager
def _noted_signals() -> Iterator[StopRequested]:
    """Ctrl-C and SIGTERM are only noted; what is yielded returns the first one that came."""
    noted: list[signal.Signals] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda number, frame: noted.append(signal.Signals(number))) for kind in kinds]
    try:
        yield lambda: noted[0] if noted else None
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
