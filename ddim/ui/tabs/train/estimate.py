"""What a run is going to take, before it is started: how many steps, whether they are enough, and how long."""

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ddim.data.folders import FOLDER_PREFIX, folder_source
from ddim.errors import UserError
from ddim.notation import counted
from ddim.runs.folder import read_status, recorded
from ddim.training.config import TrainConfig, config_of_run
from ddim.training.distill_config import distillation_of_run

SMALL = 1000  # pictures: fewer are soon known by heart, while weights that know flowers need to learn little
# Seen in the quick preset's pictures of flowers: noise after 70 steps, blots after 280, shapes of flowers after 1,100.
LEAST_STEPS = 1000
MOST_OF_BEGINNING = 0.1  # that may be left of the random first weights in the average that makes the pictures
DECIDING = (
    *("dataset", "epochs", "repetitions", "batch_size", "optimizer", "ema_momentum", "average_lengths", "init_weights"),
    *("image_size", "widths", "block_depth", "patch_size"),
)
"""The options that decide it, but for a few that hardly anybody changes."""
TRAINING_PICTURES = {"tfds:oxford_flowers102": 6551}  # four fifths of what the page begins with


def num_pictures(dataset: str) -> int | None:
    """How many pictures there are to learn from, as far as that is known without reading them. Raises UserError."""
    if not dataset.startswith(FOLDER_PREFIX):
        return TRAINING_PICTURES.get(dataset)
    folder = Path(dataset.removeprefix(FOLDER_PREFIX))
    return _in_folder(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)


def estimate(config: TrainConfig, runs_dir: str) -> str:
    """What this configuration is going to take, in sentences. Raises UserError for pictures that are not there."""
    count = num_pictures(config.dataset)
    if count is None:
        return "How many pictures this set has is seen when the run starts, and with it how long the run takes."
    steps_per_epoch = config.repetitions * count // config.batch_size
    told = f"{counted(count, 'picture')} to learn from, {counted(config.epochs, 'epoch')}"
    if steps_per_epoch == 0:
        return f"{told}: not one step, since they do not fill a batch of {config.batch_size}. Make the batches smaller."
    speed = seconds_per_step(config, runs_dir)
    steps, needed = steps_per_epoch * config.epochs, steps_needed(config)
    told += f": {counted(steps, 'step')}"
    if steps < needed:
        enough = math.ceil(needed / steps_per_epoch)
        told += f", too few: noise or blots are likely. {counted(enough, 'epoch')} would do"
        steps = enough * steps_per_epoch
    if speed is None:
        told += ". How long is not known before it runs: no run here has had such a network and batch"
    else:
        told += f", which take about {_in_words(speed * steps)} here, and measuring after each epoch on top"
    begins = (
        f" It begins with {Path(config.init_weights).name}, which makes pictures already."
        if config.init_weights
        else ""
    )
    return f"{told}.{begins}"


def steps_needed(config: TrainConfig) -> int:
    """The fewest steps after which pictures are more than noise; weights to begin with need none."""
    if config.init_weights:
        return 0
    if config.average_lengths or not config.ema_momentum:
        return LEAST_STEPS
    return max(LEAST_STEPS, math.ceil(math.log(MOST_OF_BEGINNING) / math.log(config.ema_momentum)))


def seconds_per_step(config: TrainConfig, runs_dir: str) -> float | None:
    """How long a step took in the newest run here that had such a network, batch and optimizer."""
    for run in recorded(runs_dir):
        seconds = read_status(run).seconds_per_step
        if not seconds or run.parent != Path(runs_dir):  # what shipped was measured on other machines
            continue
        try:
            if distillation_of_run(run) is None and _work(config_of_run(run)) == _work(config):
                return seconds
        except UserError:  # damaged, or of another version
            continue
    return None


def _work(config: TrainConfig) -> tuple:
    """What decides how long a step takes."""
    return replace(config.model.network, num_classes=0), config.batch_size, config.optimizer, config.distribute


@lru_cache(maxsize=32)
def _in_folder(folder: Path, modified: int) -> int:
    return len(list(folder_source(f"{FOLDER_PREFIX}{folder}").pictures["train"]))


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / 60), "minute") if seconds < 5400 else f"{seconds / 3600:.1f} hours"
