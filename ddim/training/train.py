"""A training run from its beginning to its end; trainer.py is what happens in between."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ddim.data import load_dataset
from ddim.errors import BUG, UserError
from ddim.runs.folder import FAILED, FINISHED, RUNNING, STOPPED, locked, write_json
from ddim.training.config import TrainConfig
from ddim.training.distill_config import DistillConfig, content_of
from ddim.training.report import Report
from ddim.training.stopping import StopNow, stop_requests

PICTURES = "pictures.npz"


def train(
    config: TrainConfig,
    run: Path,
    show: Callable[[str], None] = lambda line: None,
    tell: Callable[[str], None] = lambda line: None,
    accept_changed_data: bool = False,
    distillation: DistillConfig | None = None,
) -> signal.Signals | None:
    """Train in the folder `run`, from its last checkpoint if it has one, until the end, Ctrl-C, SIGTERM or `stop_run`.

    When it is to stop, the batch is finished and everything is saved; where there is nothing to save, as while it reads
    pictures, compiles or measures, it ends at once. Then the signal is returned. `show` takes a line of progress now
    and then, `tell` what is to stay in sight. Pictures that have changed since the last checkpoint are refused unless
    accepted. With a `distillation`, the network learns from a teacher, of whose kind it is. Raises UserError or OSError
    for what cannot be trained or written, and FloatingPointError if the loss diverges; whatever ends it, the run's
    status says so too.
    """
    run.mkdir(parents=True, exist_ok=True)
    with locked(run), stop_requests(run) as stop:
        report = Report(run, config.epochs, config.batch_size, show, config.tensorboard)
        report.status(RUNNING, "Reading pictures.")
        if not (run / "config.json").exists():
            write_json(run / "config.json", content_of(config, distillation))
        try:
            with stop.heard_at_once():
                # Pictures first, Keras after them: what is wrong with a data set is reported at once.
                dataset = load_dataset(config.dataset, config.model.network.image_size, show, run / PICTURES)
                report.pictures = dataset.summary
                report.status(RUNNING, "Compiling the network.")
                from ddim.training.devices import resolved_precision
                from ddim.training.trainer import Trainer

                config = replace(config, precision=resolved_precision(config.precision))
                trainer = Trainer(config, run, report, dataset, stop, accept_changed_data, distillation)
                # A run keeps its precision wherever it goes on.
                write_json(run / "config.json", content_of(config, distillation))
                tell(dataset.summary)
                trainer.run_epochs()
        except StopNow:  # nothing is lost
            pass
        except (UserError, OSError, FloatingPointError) as error:
            report.status(FAILED, str(error))
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            report.status(FAILED, f"{BUG} ({reason}): train.log in its folder says more.")
            raise
        is_finished = report.progress is not None and report.progress.epochs_done >= config.epochs
        report.status(FINISHED if is_finished else STOPPED)
        return None if is_finished else stop.asked_by
