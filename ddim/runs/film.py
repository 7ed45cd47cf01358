"""A training run as a film: the pictures of the same seeds, epoch after epoch. Damaged ones are left out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ddim.errors import UserError
from ddim.media.animation import MAX_FRAMES
from ddim.runs.folder import name_of_dataset, sample_grids

MAX_PIXELS = 1 << 26  # far more than a run writes, so that no file of a few bytes fills the memory


def read_grid(path: Path) -> Image.Image | None:
    """The pictures of an epoch in RGB, or None if they are damaged or gone."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return picture.convert("RGB") if picture.width * picture.height <= MAX_PIXELS else None
    except Exception:  # on damaged files decoders raise almost anything, from SyntaxError to struct.error
        return None


def frames_of_run(run: Path) -> np.ndarray:
    """The pictures of a training run, epoch after epoch: frames (F, H, W, 3) uint8, up to 512 evenly chosen ones.

    Raises UserError where there are none, or where they differ in size.
    """
    paths = sample_grids(run)
    if not paths:
        raise UserError(f"The run {run.name} has no pictures yet: they come with the first epoch.")
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MAX_FRAMES)).round().astype(int))
    frames = [np.asarray(grid) for index in chosen if (grid := read_grid(paths[index]))]
    if not frames:
        raise UserError(f"The pictures of the run {run.name} are damaged, so they cannot be animated.")
    if len({frame.shape for frame in frames}) > 1:
        raise UserError(f"The pictures of the run {run.name} differ in size, so they cannot be animated.")
    return np.stack(frames)


def recipe_of_run(run: Path) -> dict[str, Any]:
    """What a film of a training run says about it: its name, its data set and how many epochs have pictures.

    Raises UserError if its configuration is damaged.
    """
    try:
        dataset = name_of_dataset(json.loads((run / "config.json").read_bytes())["dataset"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UserError(f"The run {run.name} cannot be animated: its config.json is damaged.") from error
    return {"command": "train", "run": run.name, "dataset": dataset, "epochs": len(sample_grids(run))}
