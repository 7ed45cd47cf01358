"""The shipped weights, and weights of another implementation, against what shares no code with Keras."""

import numpy as np
import pytest
from numpy_unet import numpy_unet

from ddim.diffusion.noise import noise_from_seeds
from ddim.making.generate import sample
from ddim.model.diffusion_model import DiffusionModel, ModelConfig, Normalizer
from ddim.model.unet import build_unet
from ddim.model.weights import load

SHAPE = (64, 64, 3)


@pytest.fixture(scope="module")
def model():
    return load("flowers64", precision="float32")


@pytest.fixture(scope="module")
def start(test_data):
    """The first weights of this network, trained in PyTorch, in our network, and what PyTorch makes with them."""
    arrays, check = (test_data / "weights" / f"flowers64-start{part}.npz" for part in ("", "-check"))
    if not (arrays.is_file() and check.is_file()):
        pytest.skip(f"needs {arrays} and {check}")
    with np.load(arrays) as weights:
        network = build_unet(ModelConfig().network)
        network.set_weights([weights[key] for key in in_order_of_keras(weights.files)])
        normalizer = Normalizer(weights["normalizer/mean"], weights["normalizer/variance"])
    with np.load(check) as made:
        return DiffusionModel(ModelConfig(), network, normalizer), dict(made)


def in_order_of_keras(keys):
    """The keys of weights, block by block; in a block Keras has the shortcut after the first convolution."""
    parts = ["norm", "conv1", "shortcut", "conv2"]
    blocks = list(dict.fromkeys(key.rsplit("/", 2)[0] for key in keys))

    def place(key):
        block, part, *_ = key.rsplit("/", 2)
        return blocks.index(block), parts.index(part) if part in parts else 0

    return sorted((key for key in keys if not key.startswith("normalizer")), key=place)


def noises_predicted_by(model, num_images, noise_variance):
    variances = np.full(num_images, noise_variance, np.float32)
    return model.engine(noise_from_seeds(range(num_images), SHAPE), variances)


def pictures_of(model, seeds, num_steps):
    *_, last = sample(model, seeds, num_steps=num_steps)
    return np.clip(last.pred_images, 0, 1)


@pytest.mark.parametrize("noise_variance", [0.15, 0.7])
def test_the_shipped_network_computes_what_numpy_computes(model, noise_variance):
    weights = model.network.get_weights()
    variances = np.array([noise_variance], np.float32)
    expected = numpy_unet(model.config.network, weights, noise_from_seeds([0], SHAPE), variances)
    np.testing.assert_allclose(noises_predicted_by(model, 1, noise_variance), expected, rtol=0, atol=1e-3)


def test_a_picture_of_the_shipped_weights_is_what_numpy_makes(model):
    weights, noisy_images = model.network.get_weights(), noise_from_seeds([0], SHAPE).astype(np.float64)
    angles = np.linspace(np.arccos(model.config.min_signal_rate), np.arccos(model.config.max_signal_rate), 4)
    for angle, next_angle in zip(angles, angles[1:], strict=False):
        noises = numpy_unet(model.config.network, weights, noisy_images, np.array([np.sin(angle) ** 2]))
        images = (noisy_images - np.sin(angle) * noises) / np.cos(angle)
        noisy_images = np.cos(next_angle) * images + np.sin(next_angle) * noises
    expected = np.clip(model.normalizer.mean + images * np.sqrt(model.normalizer.variance), 0, 1)
    np.testing.assert_allclose(pictures_of(model, [0], num_steps=3), expected, rtol=0, atol=2 / 255)


def test_predicted_noises_agree_with_the_other_implementation(start):
    model, check = start
    for noise_variance, expected in zip(check["noise_variances"], check["pred_noises"], strict=True):
        np.testing.assert_allclose(noises_predicted_by(model, 4, noise_variance), expected, rtol=0, atol=1e-3)


def test_pictures_of_20_steps_agree_with_the_other_implementation(start):
    model, check = start
    images = pictures_of(model, range(4), num_steps=20)
    np.testing.assert_allclose(images, check["ddim20_images"], rtol=0, atol=2 / 255)
