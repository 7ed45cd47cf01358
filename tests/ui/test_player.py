from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddim.media.animation import ExportConfig
from ddim.ui import player


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where the files of films lie."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def random_frames(num_frames, height, width):
    return np.random.default_rng(0).integers(0, 256, (num_frames, height, width, 3), np.uint8)


@pytest.mark.parametrize(("num_frames", "height", "width"), [(1, 8, 24), (40, 8, 24), (100, 16, 1500)])
def test_each_frame_is_where_the_player_looks_for_it_and_no_sheet_is_too_long(cache, num_frames, height, width):
    frames = random_frames(num_frames, height, width)
    film = player.film(frames, ExportConfig(), alt_text="A film")
    with Image.open(film["sheet"]["path"]) as picture:
        sheet = np.asarray(picture)
    assert max(sheet.shape) <= 8192
    assert cache in Path(film["sheet"]["path"]).parents
    for index, frame in enumerate(frames):
        row, column = divmod(index, film["columns"])
        place = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]
        np.testing.assert_array_equal(place, frame)


def test_a_film_of_much_noise_is_lighter_and_hardly_another_to_look_at(tmp_path):
    noisy = np.random.default_rng(0).normal(128, 50, (20, 128, 192, 3)).clip(0, 255).astype(np.uint8)
    exact, light = (player.film(noisy, ExportConfig(), alt_text="A film", is_noisy=one) for one in (False, True))
    sizes = [Path(film["sheet"]["path"]).stat().st_size for film in (exact, light)]
    assert sizes[1] < 0.6 * sizes[0]
    with Image.open(light["sheet"]["path"]) as picture:
        assert picture.format == "JPEG" and light["sheet"]["mime_type"] == "image/jpeg"
        difference = np.asarray(picture)[:128, :192].astype(float) - noisy[0]
    assert np.sqrt(np.mean(difference**2)) < 10  # of noise with a deviation of 50
    few = player.film(noisy[:2], ExportConfig(), alt_text="A film", is_noisy=True)
    assert few["sheet"]["mime_type"] == "image/png"


def test_a_film_tells_how_it_is_played():
    export = ExportConfig(12, hold_first=0, hold_last=2, repeat=False)
    film = player.film(random_frames(5, 8, 24), export, alt_text="A film")
    told = {name: value for name, value in film.items() if name != "sheet"}
    size = {"width": 24, "height": 8, "columns": 5, "num_frames": 5}
    playing = {"frames_per_second": 12, "hold_first": 0, "hold_last": 2, "repeat": False, "at": None}
    assert told == {**size, **playing, "unit": "frame", "alt_text": "A film"}


def test_a_still_is_one_frame_of_a_film_that_forms():
    frame = random_frames(1, 8, 24)[0]
    still = player.still(frame, 11, 40, unit="step", alt_text="A film")
    assert (still["at"], still["num_frames"], still["columns"]) == (11, 40, 1)
    with Image.open(still["sheet"]["path"]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), frame)


def test_more_than_browsers_can_show_is_refused():
    player.check_size(100, 128, 768)
    player.check_size(4, 4096, 4096)
    with pytest.raises(ValueError, match="5 frames of 4096 x 4096 pixels are more than a browser can play."):
        player.check_size(5, 4096, 4096)
