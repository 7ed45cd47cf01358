"""The shipped weights against two implementations that share no code with Keras."""

from pathlib import Path

import numpy as np
import pytest
from numpy_unet import numpy_unet

from ddim.checkpoints import load
from ddim.noise import noise_from_seeds
from ddim.sampling import sample

# From an implementation in PyTorch, for the noises of seeds 0 and 1: `pred_noises` (2, 2, 32, 32, 3), every second
# pixel of the network's output for each of the `noise_variances`; `ddim20_images` (2, 64, 64, 3), clipped to [0, 1].
CHECK = Path(__file__).with_name("flowers64_check.npz")
SHAPE = (64, 64, 3)


@pytest.fixture(scope="module")
def model():
    return load("flowers64", precision="float32")


@pytest.fixture
def check(model):
    with np.load(CHECK) as arrays:
        check = dict(arrays)
    if str(check["sha256"]) != model.card["sha256"]:
        pytest.skip(f"{CHECK.name} belongs to earlier weights")
    return check


@pytest.fixture
def whole_check(model, check, test_data):
    path = test_data / "weights" / "flowers64-start-check.npz"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with np.load(path) as arrays:
        return dict(arrays)


def noises_predicted_by(model, num_images, noise_variance):
    variances = np.full(num_images, noise_variance, np.float32)
    return model.engine(noise_from_seeds(range(num_images), SHAPE), variances)


def picture_of_20_steps(model, seeds):
    *_, last = sample(model, seeds, num_steps=20)
    return np.clip(last.pred_images, 0, 1)


@pytest.mark.parametrize("noise_variance", [0.15, 0.7])
def test_the_shipped_network_computes_what_numpy_computes(model, noise_variance):
    weights = model.network.get_weights()
    variances = np.array([noise_variance], np.float32)
    expected = numpy_unet(model.config.network, weights, noise_from_seeds([0], SHAPE), variances)
    np.testing.assert_allclose(noises_predicted_by(model, 1, noise_variance), expected, rtol=0, atol=1e-3)


def test_predicted_noises_agree_with_the_other_implementation(model, check):
    for noise_variance, expected in zip(check["noise_variances"], check["pred_noises"], strict=True):
        noises = noises_predicted_by(model, len(expected), noise_variance)[:, ::2, ::2]
        np.testing.assert_allclose(noises, expected, rtol=0, atol=1e-3)


def test_pictures_of_20_steps_agree_with_the_other_implementation(model, check):
    np.testing.assert_allclose(picture_of_20_steps(model, [0, 1]), check["ddim20_images"], rtol=0, atol=2 / 255)


def test_all_that_the_other_implementation_made_agrees(model, whole_check):
    for noise_variance, expected in zip(whole_check["noise_variances"], whole_check["pred_noises"], strict=True):
        np.testing.assert_allclose(noises_predicted_by(model, 4, noise_variance), expected, rtol=0, atol=1e-3)
    images = picture_of_20_steps(model, range(4))
    np.testing.assert_allclose(images, whole_check["ddim20_images"], rtol=0, atol=2 / 255)
