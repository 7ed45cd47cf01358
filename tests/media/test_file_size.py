"""What is told about a file before it is made, against the file."""

from dataclasses import replace

import numpy as np
import pytest

from ddim.media.animation import SUFFIXES, ExportConfig, save_animation
from ddim.media.file_size import estimate_size, largest_factor

CONFIG = ExportConfig(factor=2)


@pytest.fixture(scope="module")
def film():
    """One noise (40, 32, 64, 3) uint8 that gives way to a smooth picture, as films of forming pictures do."""
    down, across = np.mgrid[0:32, 0:64]
    picture = np.stack([4 * across, 8 * down, 2 * (across + down)], axis=-1)
    noise = np.random.default_rng(0).integers(0, 256, (32, 64, 3))
    share = np.linspace(0, 1, 40)[:, None, None, None]
    return np.round(share * picture + (1 - share) * noise).clip(0, 255).astype(np.uint8)


def size_of(folder, frames, suffix, config):
    path = folder / f"film{suffix}"
    save_animation(path, frames, config, {})
    return path.stat().st_size


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_of_a_film_is_told_to_a_third(tmp_path, film, suffix):
    assert estimate_size(film, suffix, CONFIG) == pytest.approx(size_of(tmp_path, film, suffix, CONFIG), rel=0.33)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_of_a_few_frames_is_known(tmp_path, film, suffix):
    assert estimate_size(film[:5], suffix, CONFIG) == size_of(tmp_path, film[:5], suffix, CONFIG)


def test_a_film_is_enlarged_as_far_as_its_file_may_grow(film):
    sizes = [estimate_size(film, ".gif", replace(CONFIG, factor=factor)) for factor in (1, 2)]
    assert largest_factor(film, ".gif", CONFIG, sizes[1]) == (2, sizes[1])
    assert largest_factor(film, ".gif", CONFIG, sizes[1] - 1) == (1, sizes[0])
    assert largest_factor(film, ".gif", CONFIG, 1) == (1, sizes[0])


def test_a_film_is_enlarged_no_further_than_a_file_can_hold(film):
    wide = np.zeros((2, 8, 1500, 3), np.uint8)
    assert largest_factor(wide, ".gif", ExportConfig(), 10**9)[0] == 2
    with pytest.raises(ValueError, match="too many for one .gif file"):
        largest_factor(np.zeros((2, 8, 5000, 3), np.uint8), ".gif", ExportConfig(), 10**9)
