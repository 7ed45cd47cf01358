import numpy as np
import pytest
from PIL import Image

from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.forming import SUFFIX, save_forming
from ddim.making.generate import sample
from ddim.making.recipe import Recipe, Weights
from ddim.media.images import save_png, to_uint8
from ddim.model.weights import FIRST, WEIGHTS_DIR, load, save


def save_sheet(path, recipe):
    save_png(path, np.zeros((16, 16, 3), np.uint8), recipe.to_json())


def test_each_step_is_a_frame_with_the_pictures_where_the_sheet_has_them(tiny_model, tmp_path):
    save(tiny_model, tmp_path / "tiny")
    name = str(tmp_path / "tiny")
    model, config = load(name), SampleConfig(num_steps=6)
    save_sheet(f"{name}.png", Recipe("sample", Weights.of(model), config, range(3, 7), is_sheet=True))
    path = save_forming(name)
    assert path == tmp_path / "tiny.forming.webp"
    frames = np.asarray(Image.open(path)).reshape(6, 16, 16, 3).astype(int)
    for frame, step in zip(frames, sample(model, range(3, 7), config), strict=True):
        for row, column in np.ndindex(2, 2):
            place = np.s_[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            lossy = frame[place].mean() - to_uint8(step.noisy_images[2 * row + column]).mean()
            assert abs(lossy) < 16


def test_a_sheet_of_other_weights_is_refused(tiny_model, tmp_path):
    save(tiny_model, tmp_path / "tiny")
    name = str(tmp_path / "tiny")
    others = Recipe("sample", Weights(name, "0" * 64), SampleConfig(), range(4), is_sheet=True)
    save_sheet(f"{name}.png", others)
    with pytest.raises(UserError, match="tiny.png was made with other weights than .*: make it anew first."):
        save_forming(name)


def test_the_film_that_is_shipped_ends_near_the_sheet_that_is_shipped_and_is_small():
    path = WEIGHTS_DIR / f"{FIRST}{SUFFIX}"
    assert path.stat().st_size < 300_000
    with Image.open(WEIGHTS_DIR / f"{FIRST}.png") as picture:
        sheet = np.asarray(picture.convert("RGB")).astype(int)
    with Image.open(path) as picture:
        frames = np.asarray(picture).reshape(-1, *sheet.shape).astype(int)
    distances = [np.abs(frame - sheet).mean() for frame in frames]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 50 and distances[-1] < 12
