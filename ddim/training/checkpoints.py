"""A training run on disk, so that it can be killed at any moment and resumed: checkpoints/step_00001234/.

A checkpoint is written under another name, then renamed; the last two are kept, in case the newest is damaged.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

KEPT = 2


@dataclass
class Progress:
    """Where a run stands. Its random state is (seed, step), so the step is enough.

    Attributes:
        step: Batches learned from.
        epochs_done: Epochs that are finished and logged.
        seconds: Time spent on the epoch under way.
        loss_sums: Sums of the losses of the epoch under way, over `loss_count` steps.
        best: The lowest validation KID so far, or loss where KID is not measured.
        best_epoch: The epoch that reached it.
    """

    step: int = 0
    epochs_done: int = 0
    seconds: float = 0.0
    loss_sums: dict[str, float] = field(default_factory=dict)
    loss_count: int = 0
    best: float | None = None
    best_epoch: int | None = None


Variables = dict[str, Sequence["keras.Variable | np.ndarray"]]
"""What a checkpoint holds by name: the variables of network and optimizer, and the arrays of averages."""


def save_checkpoint(folder: Path, progress: Progress, variables: Variables) -> None:
    """Write a checkpoint into `folder` and drop all but the newest two. Raises OSError, leaving no half-written one."""
    place = folder / f"step_{progress.step:08d}"
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed while writing
    try:
        unfinished.mkdir(parents=True)
        arrays = {
            f"{name}/{index}": np.asarray(variable)
            for name, group in variables.items()
            for index, variable in enumerate(group)
        }
        np.savez(unfinished / "variables.npz", **arrays)  # type: ignore[arg-type]
        (unfinished / "progress.json").write_text(json.dumps(asdict(progress)))
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for old in _checkpoints(folder)[KEPT:]:
        shutil.rmtree(old)


def restore_checkpoint(folder: Path, variables: Variables) -> Progress:
    """Put the newest checkpoint that is not damaged into `variables`. Without one, a run is at its beginning."""
    for place in _checkpoints(folder):
        try:
            progress = Progress(**json.loads((place / "progress.json").read_text()))
            with (place / "variables.npz").open("rb") as file, np.load(file) as archive:
                arrays = {
                    name: [archive[f"{name}/{index}"] for index in range(len(group))]
                    for name, group in variables.items()
                }
        except Exception:  # cut short by a full disk or a power failure, archives raise almost anything
            continue
        for name, group in variables.items():
            for variable, array in zip(group, arrays[name], strict=True):
                if isinstance(variable, np.ndarray):
                    variable[...] = array
                else:
                    variable.assign(array)
        return progress
    return Progress()


def _checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(folder.glob("step_*"), reverse=True)
