"""Averages of a network's weights over training, after Karras et al. (2312.02696, "EDM2"), section 3 and appendix C.

A power function weighs each step by a power of its number, so that its length, the standard deviation of that profile,
is a fixed part of the run. Snapshots of averages of two lengths give, afterwards, that of any length.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ddim.errors import UserError

SNAPSHOTS = "snapshots"
MIN_LENGTH = 1e-6  # of no run a step
MAX_LENGTH = 0.28  # that of an even mean is 1 / sqrt(12)

Arrays = list[np.ndarray]


class Profile(NamedTuple):
    """An average over the steps up to `step`, whose weights grow as their `exponent`-th power."""

    step: int
    exponent: float


def check_length(length: float) -> None:
    """Raise UserError unless this is the length of an average."""
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise UserError(
            f"The length of an average is a part of the run, from {MIN_LENGTH} up to {MAX_LENGTH}, not {length}."
        )


@cache
def exponent_of(length: float) -> float:
    """The exponent whose profile has this length, a part of the run (EDM2, section 3.1). Raises UserError."""
    check_length(length)
    roots = np.roots([1, 7, 16 - length**-2, 12 - length**-2])
    return float(roots.real.max())


def power_momentum(step: int, length: float) -> float:
    """The momentum of the update at `step`, counted from 1, that makes a power-function average (EDM2, section 3.1)."""
    return float((1 - 1 / step) ** (exponent_of(length) + 1))


def combination(profiles: Sequence[Profile], wanted: Profile) -> np.ndarray:
    """Factors (N,) with which averages of these profiles sum up best to the wanted one (EDM2, appendix C.2)."""
    products = [[_inner_product(one, other) for other in profiles] for one in profiles]
    targets = [_inner_product(one, wanted) for one in profiles]
    factors: np.ndarray = np.linalg.lstsq(np.array(products), np.array(targets), rcond=None)[0]
    return factors


def _inner_product(one: Profile, other: Profile) -> float:
    """The integral of the product of two profiles (EDM2, appendix C.2)."""
    early, late = sorted((one, other))
    ratio = early.step / late.step
    scale = (early.exponent + 1) * (late.exponent + 1) / (early.exponent + late.exponent + 1)
    return float(scale * ratio**late.exponent / late.step)


def save_snapshot(folder: Path, step: int, lengths: Sequence[float], averages: Sequence[Arrays]) -> None:
    """Write averages at `step`, one for each length, as a file of the folder. Raises OSError."""
    folder.mkdir(exist_ok=True)
    arrays = {
        f"{length}/{index}": array
        for length, average in zip(lengths, averages, strict=True)
        for index, array in enumerate(average)
    }
    unfinished = folder / "unfinished"
    try:
        with unfinished.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        unfinished.replace(folder / f"step_{step:08d}.npz")
    finally:
        unfinished.unlink(missing_ok=True)


def snapshots(folder: Path, step: int | None = None) -> dict[int, Path]:
    """The files of all snapshots up to `step` by their own steps. Raises UserError where there are none."""
    paths = {int(path.stem.removeprefix("step_")): path for path in sorted(folder.glob("step_*.npz"))}
    kept = {number: path for number, path in paths.items() if step is None or number <= step}
    if not kept:
        raise UserError(f"{folder} has no snapshots: a run writes them if it has average_lengths.")
    return kept


def average_of(folder: Path, length: float, step: int | None = None) -> Arrays:
    """The average of this length at `step`, by default that of the last snapshot, out of all snapshots up to it.

    Raises UserError where there are no snapshots, or for a length that is none.
    """
    exponent = exponent_of(length)
    paths = snapshots(folder, step)
    wanted = Profile(max(paths), exponent)
    kept_lengths = [(number, kept) for number in paths for kept in _lengths_in(paths[number])]
    profiles = [Profile(number, exponent_of(kept)) for number, kept in kept_lengths]
    total: Arrays = []
    for (number, kept), factor in zip(kept_lengths, combination(profiles, wanted), strict=True):
        with np.load(paths[number]) as arrays:
            count = sum(name.startswith(f"{kept}/") for name in arrays.files)
            average = [factor * arrays[f"{kept}/{index}"].astype(np.float64) for index in range(count)]
        total = [one + other for one, other in zip(total, average, strict=True)] if total else average
    return [array.astype(np.float32) for array in total]


def _lengths_in(path: Path) -> list[float]:
    with np.load(path) as arrays:
        return sorted({float(name.partition("/")[0]) for name in arrays.files})
