import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ddim.errors import UserError
from ddim.runs.film import frames_of_run, read_grid, recipe_of_run


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


def huge_png():
    """A PNG that says it is 20,000 pixels wide and high."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))


DAMAGES = {
    "cut": lambda content: content[:60],
    "empty": lambda content: b"",
    "text": lambda content: b"no picture",
    "huge": lambda content: huge_png(),
    "other bytes": lambda content: content[:50] + b"\xff" * 20 + content[70:],
}


@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_pictures_of_an_epoch_are_left_out_of_the_film(tmp_path, damage):
    write_grids(tmp_path / "run", [16] * 3)
    path = tmp_path / "run" / "samples" / "epoch_0002.png"
    assert read_grid(path).size == (16, 16)
    path.write_bytes(damage(path.read_bytes()))
    assert read_grid(path) is None
    assert frames_of_run(tmp_path / "run")[:, 0, 0, 0].tolist() == [0, 2]


def test_what_has_gone_or_is_a_folder_is_no_picture(tmp_path):
    assert read_grid(tmp_path / "epoch_0001.png") is None
    assert read_grid(tmp_path) is None


def test_a_run_of_damaged_pictures_or_with_a_damaged_configuration_is_refused(tmp_path):
    write_grids(tmp_path, [8])
    (tmp_path / "samples" / "epoch_0001.png").write_text("no picture")
    with pytest.raises(UserError, match="are damaged, so they cannot be animated"):
        frames_of_run(tmp_path)
    for content in ("", "[]", "{}", "{", '{"dataset": 7}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(UserError, match="its config.json is damaged"):
            recipe_of_run(tmp_path)
