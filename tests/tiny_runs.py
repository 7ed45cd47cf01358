"""Training runs small enough for tests: a few pictures of noise, a network of two levels, and processes to kill."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ddim.configuration import from_options
from ddim.runs.folder import append_metrics
from ddim.training.config import TrainConfig

ROOT = Path(__file__).parents[1]
TINY = {"image_size": 8, "widths": (4, 8), "block_depth": 1, "batch_size": 8, "repetitions": 1, "epochs": 2}
TINY |= {"kid_images": 0, "precision": "float32", "learning_rate": 1e-2, "ema_momentum": 0.9}


def make_pictures(folder: Path, count: int = 40) -> str:
    """Pictures of noise in a folder, as a data set: four of five are for training."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(count):
        pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return f"folder:{folder}"


def tiny_config(dataset: str, **options) -> TrainConfig:
    return from_options(TrainConfig, {"dataset": dataset, **TINY, **options})


def tiny_arguments(dataset: str, run: Path, **options) -> list[str]:
    """The command line of the same run."""
    arguments = ["train", "--runs-dir", str(run.parent), "--run", run.name]
    for name, value in {"dataset": dataset, **TINY, **options}.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        arguments += [f"--{name.replace('_', '-')}", text]
    return arguments


def resume_arguments(run: Path) -> list[str]:
    return ["train", "--runs-dir", str(run.parent), "--run", run.name, "--resume"]


def start_python(*arguments: str, stdin: int | None = None, **environment: str) -> subprocess.Popen:
    """A fresh Python that finds `ddim` and these tests, in a group of its own."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def start_command(arguments: list[str], **environment: str) -> subprocess.Popen:
    return start_python("-m", "ddim", *arguments, **environment)


def run_python(*arguments: str, **environment: str) -> str:
    """What a Python program that ends well prints."""
    process = start_python(*arguments, **environment)
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    return output


def record_run(run: Path, epochs: int) -> np.ndarray:
    """Write what a run leaves behind that its watchers read. Returns its grids (F, 24, 48, 3) uint8."""
    (run / "samples").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"dataset": "oxford_flowers102"}))
    shades = np.linspace(0, 255, 48, dtype=np.uint8)
    grids = np.stack([np.broadcast_to(np.roll(shades, 8 * epoch)[:, None], (24, 48, 3)) for epoch in range(epochs)])
    for epoch, grid in enumerate(grids, 1):
        line = {"epoch": epoch, "step": 4 * epoch, "loss": 1 / epoch, "val_loss": 1.1 / epoch, "learning_rate": 0.01}
        append_metrics(run, **line, kid=0.3 / epoch)
        Image.fromarray(grid).save(run / "samples" / f"epoch_{epoch:04}.png")
    return grids


def epochs_of(run: Path) -> list[dict]:
    """The lines of finished epochs, each read as it stands."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "epoch" in line]


def last_checkpoint(run: Path) -> dict[str, np.ndarray]:
    with np.load(max((run / "checkpoints").glob("step_*")) / "variables.npz") as arrays:
        return dict(arrays)
