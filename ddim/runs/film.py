"""A training run as a film: the pictures of the same seeds, epoch after epoch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ddim.errors import UserError
from ddim.media.animation import MAX_FRAMES
from ddim.runs.folder import name_of_dataset, sample_grids


def frames_of_run(run: Path) -> np.ndarray:
    """The pictures of a training run, epoch after epoch: frames (F, H, W, 3) uint8, up to 512 evenly chosen ones.

    Raises UserError where there are none yet, or where they differ in size.
    """
    paths = sample_grids(run)
    if not paths:
        raise UserError(f"The run {run.name} has no pictures yet: they come with the first epoch.")
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MAX_FRAMES)).round().astype(int))
    frames = []
    for index in chosen:
        with Image.open(paths[index]) as picture:
            frames.append(np.asarray(picture.convert("RGB")))
    if len({frame.shape for frame in frames}) > 1:
        raise UserError(f"The pictures of the run {run.name} differ in size, so they cannot be animated.")
    return np.stack(frames)


def recipe_of_run(run: Path) -> dict[str, Any]:
    """What a film of a training run says about it: its name, its data set and how many epochs have pictures."""
    config = json.loads((run / "config.json").read_text())
    dataset = name_of_dataset(config["dataset"])
    return {"command": "train", "run": run.name, "dataset": dataset, "epochs": len(sample_grids(run))}
