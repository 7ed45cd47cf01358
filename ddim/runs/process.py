"""The process of a training run: started, stopped and removed by those who watch it."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from ddim.errors import UserError
from ddim.model.weights import WEIGHTS_DIR
from ddim.runs.folder import STOP, is_locked, recorded

ON, OFF = ("on", "1", "true", "yes"), ("off", "0", "false", "no")
# Pages answer first.
NICE = ["nice", "-n", "5"] if shutil.which("nice") else []


def training_switch() -> bool | None:
    """What DDIM_TRAINING says, or None if it is not set. Raises UserError for a word that says neither on nor off."""
    word = os.environ.get("DDIM_TRAINING", "").strip().lower()
    if word not in ("", *ON, *OFF):
        raise UserError(f"DDIM_TRAINING must be one of {', '.join([*ON, *OFF])}, but is {word!r:.100}.")
    return word in ON if word else None


def training_refusal() -> str | None:
    """Why this place shows runs but starts none, or None where training is allowed. Raises as `training_switch`."""
    switch = training_switch()
    if switch is False:
        return "Training is switched off here (DDIM_TRAINING=off): recorded runs are shown, but none can be started."
    if "SPACE_ID" in os.environ and not switch:
        return "A Space shows recorded runs, but starts none: train on a machine of your own or on Colab."
    return None


def start_run(run: Path, arguments: list[str]) -> None:
    """Start `python -m ddim train` with these arguments in the folder `run`, and return once the run is on record.

    The process outlives this one and does not hear its Ctrl-C. Raises UserError if training is refused here, or
    with the last words of a process that could not begin.
    """
    if refusal := training_refusal():
        raise UserError(refusal)
    if is_locked(run):
        raise UserError(f"{run.name} is running already.")
    run.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ddim", "train", f"--runs-dir={run.parent.resolve()}", f"--run={run.name}"]
    with (run / "train.log").open("a") as log:
        process = subprocess.Popen(
            [*NICE, *command, *arguments],
            cwd=WEIGHTS_DIR.parent,  # where Python finds this package
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
    while not is_locked(run) or run not in recorded(run.parent):
        if process.poll() is not None:
            raise UserError((run / "train.log").read_text().strip().rpartition("\n")[2].removeprefix("ddim: "))
        time.sleep(0.1)


def stop_run(run: Path) -> bool:
    """Ask the run's process to save and end, by a file that it looks for: no other way serves every system.

    Returns whether there is such a process.
    """
    is_running = is_locked(run)
    if is_running:
        (run / STOP).touch()
    return is_running


def delete_run(run: Path) -> None:
    """Remove the run with all that it learned. Raises UserError while it is running."""
    if is_locked(run):
        raise UserError(f"{run.name} is running: stop it before deleting it.")
    shutil.rmtree(run)
