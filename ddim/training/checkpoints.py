"""A training run on disk, so that it can be killed at any moment and resumed: checkpoints/step_00001234/.

A checkpoint is written under another name, then renamed; the last two are kept, in case the newest is damaged. What it
holds has names of its own, so that it goes on under another precision, backend or kind of device.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ddim.errors import UserError

if TYPE_CHECKING:
    import keras

KEPT = 2


@dataclass
class Progress:
    """Where a run stands. Its random state is (seed, step), so the step is enough.

    Attributes:
        step: Batches learned from.
        epochs_done: Epochs that are finished and logged.
        epoch_began: The step at which the epoch under way began.
        seconds: Time spent on the epoch under way.
        loss_sums: Sums of the losses of the epoch under way, over `loss_count` steps.
        best: The lowest validation KID so far, or loss where KID is not measured.
        best_epoch: The epoch that reached it.
        data: What the run learns from and is measured by, in few words and a checksum.
    """

    step: int = 0
    epochs_done: int = 0
    epoch_began: int = 0
    seconds: float = 0.0
    loss_sums: dict[str, float] = field(default_factory=dict)
    loss_count: int = 0
    best: float | None = None
    best_epoch: int | None = None
    data: str = ""


Variables = Mapping[str, "keras.Variable"]
"""What a checkpoint holds by name: the variables of network, optimizer and averages."""


def save_checkpoint(folder: Path, progress: Progress, variables: Variables) -> None:
    """Write a checkpoint into `folder` and drop all but the newest two. Raises OSError, leaving no half-written one."""
    place = folder / f"step_{progress.step:08d}"
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed while writing
    try:
        unfinished.mkdir(parents=True)
        arrays = {name: np.asarray(variable) for name, variable in variables.items()}
        np.savez(unfinished / "variables.npz", **arrays)  # type: ignore[arg-type]
        (unfinished / "progress.json").write_text(json.dumps(asdict(progress)))
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for old in _checkpoints(folder)[KEPT:]:
        shutil.rmtree(old)


def restore_checkpoint(folder: Path, variables: Variables) -> Progress:
    """Put the newest checkpoint that can be used into `variables`. Without any, a run is at its beginning.

    Raises UserError where there are some, but none can be used; then nothing has been changed.
    """
    problems = []
    for place in _checkpoints(folder):
        try:
            progress, arrays = _read(place)
        except Exception as error:  # cut short by a full disk or a power failure, archives raise almost anything
            problems.append(f"{place.name} cannot be read ({type(error).__name__}: {error})")
            continue
        if misfit := _misfit(arrays, variables):
            problems.append(f"{place.name} is of another network, optimizer or version: {misfit}")
            continue
        for name, variable in variables.items():
            variable.assign(arrays[name])
        return progress
    if problems:
        raise UserError(
            f"This run cannot go on: {problems[0]}. Nothing was changed. A run of another name starts afresh; "
            f"--init-weights {folder.parent} lets it begin with the best weights of this one."
        )
    return Progress()


def newest_checkpoint(folder: Path) -> str:
    """The name of the newest checkpoint, or nothing."""
    return next((place.name for place in _checkpoints(folder)), "")


def _read(place: Path) -> tuple[Progress, dict[str, np.ndarray]]:
    progress = Progress(**json.loads((place / "progress.json").read_text()))
    with (place / "variables.npz").open("rb") as file, np.load(file) as archive:
        return progress, {name: archive[name] for name in archive.files}


def _misfit(arrays: Mapping[str, np.ndarray], variables: Variables) -> str:
    """What keeps these arrays from being those variables, or nothing."""
    if missing := sorted(variables.keys() - arrays.keys()):
        return f"it lacks {missing[0]}"
    if further := sorted(arrays.keys() - variables.keys()):
        return f"it has {further[0]} as well"
    shapes = ((name, arrays[name].shape, tuple(variable.shape)) for name, variable in variables.items())
    return next((f"{name} has the shape {held}, not {wanted}" for name, held, wanted in shapes if held != wanted), "")


def _checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(folder.glob("step_*"), reverse=True)
