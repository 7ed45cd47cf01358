import numpy as np
import pytest
from PIL import Image

from ddim.runs.film import frames_of_run


def write_grids(run, sizes):
    (run / "samples").mkdir(parents=True)
    for index, size in enumerate(sizes):
        path = run / "samples" / f"epoch_{index + 1:04}.png"
        Image.fromarray(np.full((size, size, 3), index % 256, np.uint8)).save(path)


def test_a_run_is_filmed_epoch_after_epoch(tmp_path):
    write_grids(tmp_path / "run", [16] * 11)
    frames = frames_of_run(tmp_path / "run")
    assert frames.shape == (11, 16, 16, 3)
    assert frames[:, 0, 0, 0].tolist() == list(range(11))


def test_of_a_very_long_run_evenly_chosen_epochs_are_filmed(tmp_path, monkeypatch):
    monkeypatch.setattr("ddim.runs.film.MAX_FRAMES", 5)
    write_grids(tmp_path / "run", [8] * 21)
    assert frames_of_run(tmp_path / "run")[:, 0, 0, 0].tolist() == [0, 5, 10, 15, 20]


def test_a_run_without_pictures_or_with_pictures_of_several_sizes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="run has no pictures yet"):
        frames_of_run(tmp_path / "run")
    write_grids(tmp_path / "run", [8, 16])
    with pytest.raises(ValueError, match="differ in size"):
        frames_of_run(tmp_path / "run")
