import numpy as np
import pytest
from decoding import decode, gif_blocks, psnr

from ddim.diffusion.sampling import SampleConfig
from ddim.diffusion.solvers import Prediction
from ddim.making.film import PRESETS, animate, check_film, frame_of, noises_of, replay
from ddim.making.generate import generate, sample
from ddim.making.recipe import Recipe, Weights
from ddim.media.animation import ExportConfig, save_animation
from ddim.media.images import grid, to_uint8
from ddim.model.weights import load


def test_a_frame_has_noisy_pictures_above_and_what_the_network_sees_below(tiny_model):
    for step in animate(tiny_model, [7, 8, 9], SampleConfig(num_steps=3)):
        frame = frame_of(step)
        assert (frame.shape, frame.dtype) == ((16, 24, 3), np.uint8)
        for index in range(3):
            place = slice(8 * index, 8 * index + 8)
            np.testing.assert_array_equal(frame[:8, place], to_uint8(step.noisy_images[index]))
            np.testing.assert_array_equal(frame[8:, place], to_uint8(step.pred_images[index]))


def test_there_is_a_frame_for_each_step_and_the_last_shows_the_finished_pictures(tiny_model):
    frames = [frame_of(step) for step in animate(tiny_model, [7, 8], SampleConfig(num_steps=5, eta=1.0))]
    assert len(frames) == 5
    finished = generate(tiny_model, [7, 8], num_steps=5, eta=1.0)
    np.testing.assert_array_equal(frames[-1][8:], grid(finished, columns=2))


def test_presets_are_those_of_the_tutorial():
    assert [(name, config.num_steps, config.eta) for name, config in PRESETS.items()] == [
        ("deterministic", 40, 0),
        ("stochastic", 80, 1),
    ]


def test_an_animation_has_bounds():
    check_film(range(12), SampleConfig(num_steps=512))
    for seeds in ([], range(13), range(1000)):
        with pytest.raises(ValueError, match=f"1 to 12 pictures side by side, but {len(seeds)}"):
            check_film(seeds, SampleConfig())
    with pytest.raises(ValueError, match="up to 512, but 513 steps"):
        check_film([7], SampleConfig(num_steps=513))


def test_inside_a_step_the_noisy_picture_is_the_sum_of_picture_and_noise(tiny_model):
    first_noises = None
    for step in sample(tiny_model, [7, 8], num_steps=4):
        assert step.rates.signal**2 + step.rates.noise**2 == pytest.approx(1)
        noisy_images, images = tiny_model.normalize(step.noisy_images), tiny_model.normalize(step.pred_images)
        total = step.rates.signal * images + step.rates.noise * step.pred_noises
        np.testing.assert_allclose(total, noisy_images, atol=1e-4)
        prediction = tiny_model.denoise(noisy_images, step.rates)
        np.testing.assert_allclose(step.pred_noises, prediction.noises, atol=1e-3)
        shown = grid(to_uint8(tiny_model.denormalize(step.pred_noises)), columns=2)
        np.testing.assert_array_equal(noises_of(tiny_model, step), shown)
        first_noises = step.pred_noises if first_noises is None else first_noises
    assert np.abs(step.pred_noises - first_noises).max() > 0.01


@pytest.fixture(scope="module")
def flowers():
    """The shipped weights forming 12 flowers: noisy and predicted pictures (F, 12, 64, 64, 3)."""
    steps = list(animate(load("flowers64", "float32"), range(12), SampleConfig(num_steps=12)))
    return [to_uint8(np.stack([getattr(step, part) for step in steps])) for part in ("noisy_images", "pred_images")]


@pytest.mark.parametrize("num_images, lowest", [(1, 30), (3, 30), (6, 27), (12, 27)])
def test_finished_pictures_look_right_in_a_gif(tmp_path, flowers, num_images, lowest):
    noisy, pred = (part[:, :num_images] for part in flowers)
    film = np.stack([grid(np.concatenate(pair), columns=num_images) for pair in zip(noisy, pred, strict=True)])
    save_animation(tmp_path / "film.gif", film, ExportConfig(factor=1), {})
    decoded = decode(tmp_path / "film.gif", *film.shape[1:3])
    assert decoded.shape == film.shape
    assert not gif_blocks(tmp_path / "film.gif")[3]
    assert psnr(decoded[-1, 64:], film[-1, 64:]) >= lowest
    assert min(psnr(*pair) for pair in zip(decoded, film, strict=True)) >= 25


def test_a_film_is_told_once_more_by_what_the_network_saw(tiny_model, monkeypatch):
    def denoise(noisy_images, rates, class_weights=None, guidance=1.0):  # sees pictures, which random weights do not
        images = tiny_model.normalize(0.5 + 0.3 * np.sin(noisy_images))
        return Prediction((noisy_images - rates.signal * images) / rates.noise, images)

    monkeypatch.setattr(tiny_model, "denoise", denoise)
    recipe = Recipe("animate", Weights("tiny", None), SampleConfig(num_steps=20, max_signal_rate=0.99), [3, 8])
    steps = list(animate(tiny_model, recipe.seeds, recipe.config))
    seen = np.concatenate([to_uint8(step.pred_images) for step in steps])
    again = list(replay(tiny_model, recipe, seen))
    np.testing.assert_array_equal(np.concatenate([to_uint8(step.pred_images) for step in again]), seen)
    for one, other in zip(again, steps, strict=True):
        assert (one.index, one.rates) == (other.index, other.rates)
        assert np.abs(frame_of(one).astype(int) - frame_of(other)).max() <= 2
        assert np.abs(noises_of(tiny_model, one).astype(int) - noises_of(tiny_model, other)).max() <= 12
