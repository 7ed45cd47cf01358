"""A training run from its beginning to its end; trainer.py is what happens in between."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ddim.data import Dataset, load_dataset
from ddim.errors import BUG, UserError
from ddim.processes.group import UNNAMED, Group, joined, losses_told
from ddim.processes.member import Member
from ddim.runs.folder import FAILED, FINISHED, RUNNING, STOPPED, locked, write_json
from ddim.training.checkpoints import newest_checkpoint
from ddim.training.config import TrainConfig
from ddim.training.distill_config import DistillConfig, content_of
from ddim.training.report import Report, Silence
from ddim.training.stopping import StopNow, stop_requests

PICTURES = "pictures.npz"
SECONDS_TO_APPEAR = 60  # of a file, on another machine with the same network file system


def train(
    config: TrainConfig,
    run: Path,
    show: Callable[[str], None] = lambda line: None,
    tell: Callable[[str], None] = lambda line: None,
    accept_changed_data: bool = False,
    distillation: DistillConfig | None = None,
    group: Group = UNNAMED,
) -> signal.Signals | None:
    """Train in the folder `run`, from its last checkpoint if it has one, until the end, Ctrl-C, SIGTERM or `stop_run`.

    When it is to stop, the batch is finished and everything is saved; where there is nothing to save, as while it reads
    pictures, compiles or measures, it ends at once. Then the signal is returned. `show` takes a line of progress now
    and then, `tell` what is to stay in sight. Pictures that have changed since the last checkpoint are refused unless
    accepted. With a `distillation`, the network learns from a teacher, of whose kind it is. Of a `group` of processes
    that train together, each calls this, and each returns the signal that any of them was sent; they stop after the
    same batch. Raises UserError or OSError for what cannot be trained or written, and FloatingPointError if the loss
    diverges; whatever ends it, the run's status says so too.
    """
    with joined(group, config.distribute) as member, _held(run, member), stop_requests(run, member) as stop:
        kind = Report if member.writes else Silence
        report = kind(run, config.epochs, config.batch_size, show, config.tensorboard)
        report.status(RUNNING, "Reading pictures.")
        if member.writes and not (run / "config.json").exists():
            write_json(run / "config.json", content_of(config, distillation))
        try:
            with stop.heard_at_once(), losses_told():
                # Pictures first, Keras after them: what is wrong with a data set is reported at once.
                dataset = _pictures(config, distillation, run, show, member)
                report.pictures = dataset.summary
                report.status(RUNNING, "Compiling the network.")
                from ddim.training.devices import resolved_precision
                from ddim.training.follower import Follower
                from ddim.training.trainer import Trainer

                config = replace(config, precision=resolved_precision(config.precision))
                trainer = (Trainer if member.writes else Follower)(
                    config, run, report, dataset, stop, accept_changed_data, distillation, member
                )
                if member.writes:
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


@contextmanager
def _held(run: Path, member: Member) -> Iterator[None]:
    """The folder of the run, which one of its processes makes and holds."""
    if not member.writes:
        yield
        return
    run.mkdir(parents=True, exist_ok=True)
    with locked(run):
        yield


def _pictures(
    config: TrainConfig, distillation: DistillConfig | None, run: Path, show: Callable[[str], None], member: Member
) -> Dataset:
    """What the run learns from, read by one process first: it may have to be downloaded.

    Raises UserError, in all processes, if they have not been asked for the same, or do not see the same.
    """
    image_size = config.model.network.image_size
    member.check_alike(run.name, config, distillation)
    if member.writes:
        dataset = load_dataset(config.dataset, image_size, show, run / PICTURES)
    for _ in range(SECONDS_TO_APPEAR):
        if (run / "config.json").exists():
            break
        time.sleep(1)
    member.check_alike((run / "config.json").exists())
    if not member.writes:
        dataset = load_dataset(config.dataset, image_size, cache=run / PICTURES, write_cache=False)
    member.check_alike(dataset.train.checksum, dataset.validation.checksum, newest_checkpoint(run / "checkpoints"))
    return dataset
