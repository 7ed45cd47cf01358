import os
from pathlib import Path

import numpy as np
import pytest

from ddim.data import load_images
from ddim.evaluation.encoder import InceptionEncoder
from ddim.evaluation.kid import kid, kid_of_batches, kid_of_subsets

# Keras 3.15 saves its variables in a way that NumPy 2.4 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TEST_DATA = Path(os.environ.get("DDIM_TEST_DATA", Path(__file__).parents[3] / "shared"))
INCEPTION = TEST_DATA / "inception" / "inception_v3_notop.weights.h5"


def gaussian_features(seed: int, count: int, mean: np.ndarray) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, size=(count, len(mean)))


def expected_kernel(mean: np.ndarray, other_mean: np.ndarray) -> float:
    """E[(x.y / d + 1)^3] for independent x ~ N(mean, I) and y ~ N(other_mean, I), from the moments of x.y."""
    size, dot, squares = len(mean), mean @ other_mean, mean @ mean + other_mean @ other_mean
    second_moment = size + squares + dot**2
    third_moment = dot**3 + 3 * dot * squares + (3 * size + 6) * dot
    return 1 + 3 * dot / size + 3 * second_moment / size**2 + third_moment / size**3


def assert_mean_is(values: list[float], expected: float) -> None:
    standard_error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - expected) < 4 * standard_error


def test_kid_is_the_unbiased_estimate_written_out_pair_by_pair():
    real, generated = gaussian_features(0, 7, np.zeros(5)), gaussian_features(1, 4, np.ones(5))

    def kernel(left, right):
        return (sum(float(a) * float(b) for a, b in zip(left, right, strict=True)) / 5 + 1) ** 3

    within_real = [kernel(real[i], real[j]) for i in range(7) for j in range(7) if i != j]
    within_generated = [kernel(generated[i], generated[j]) for i in range(4) for j in range(4) if i != j]
    between = [kernel(left, right) for left in real for right in generated]
    expected = sum(within_real) / 42 + sum(within_generated) / 12 - 2 * sum(between) / 28
    assert kid(real, generated) == pytest.approx(expected, rel=1e-12)


def test_kid_of_one_distribution_is_zero_on_average_whatever_the_sizes():
    mean = np.full(6, 0.5)
    values = [kid(gaussian_features(2 * i, 20, mean), gaussian_features(2 * i + 1, 8, mean)) for i in range(2000)]
    assert min(values) < 0 < max(values)
    assert_mean_is(values, 0)


def test_kid_of_shifted_gaussians_is_the_closed_form_on_average():
    mean, shifted = np.zeros(4), np.array([1.0, -0.5, 0.0, 2.0])
    expected = expected_kernel(mean, mean) + expected_kernel(shifted, shifted) - 2 * expected_kernel(mean, shifted)
    values = [kid(gaussian_features(2 * i, 40, mean), gaussian_features(2 * i + 1, 30, shifted)) for i in range(2000)]
    assert_mean_is(values, expected)


def test_batches_and_subsets_of_shifted_gaussians_agree_with_the_closed_form():
    mean, shifted = np.zeros(4), np.array([1.0, -0.5, 0.0, 2.0])
    expected = expected_kernel(mean, mean) + expected_kernel(shifted, shifted) - 2 * expected_kernel(mean, shifted)
    draws = [(gaussian_features(2 * i, 200, mean), gaussian_features(2 * i + 1, 150, shifted)) for i in range(60)]
    assert_mean_is([kid_of_batches(*draw).mean for draw in draws], expected)
    assert_mean_is([kid_of_subsets(*draw).mean for draw in draws], expected)


def test_few_pictures_are_compared_with_subsets_of_all_categories_of_a_sorted_set():
    categories = 10 * np.eye(8).repeat(64, axis=0)
    real = categories + gaussian_features(0, 512, np.zeros(8))
    generated = categories[::8] + gaussian_features(1, 64, np.zeros(8))
    subsets = kid_of_subsets(real, generated)
    assert abs(subsets.mean - kid(real, generated)) < 3 * subsets.std
    assert kid(real[:64], generated) > kid(real, generated) + 10 * subsets.std


def test_kid_is_computed_in_float64_for_float32_features():
    real, generated = gaussian_features(0, 50, np.full(8, 9.0)), gaussian_features(1, 50, np.full(8, 9.0))
    real, generated = real.astype(np.float32), generated.astype(np.float32)
    assert kid(real, generated) == kid(real.astype(np.float64), generated.astype(np.float64))


def test_sorted_pictures_have_the_same_kid_of_batches_as_shuffled_ones():
    categories = 10 * np.repeat(np.eye(8), 64, axis=0)
    real = categories + gaussian_features(0, 512, np.zeros(8))
    generated = np.random.default_rng(2).permutation(categories + gaussian_features(1, 512, np.zeros(8)))
    whole = kid(real, generated)
    batches = kid_of_batches(real, generated)
    assert abs(batches.mean - whole) < 3 * batches.std / np.sqrt(8)
    in_order = np.mean([kid(real[i : i + 64], generated[i : i + 64]) for i in range(0, 512, 64)])
    assert in_order > whole + 10 * batches.std


def test_both_protocols_say_in_words_what_they_did():
    real, generated = gaussian_features(0, 1200, np.zeros(2)), gaussian_features(1, 1100, np.zeros(2))
    assert kid_of_batches(real, generated).protocol == "batches of 64, mean of 17"
    assert kid_of_batches(real[:30], generated).protocol == "batches of 30, mean of 1"
    assert kid_of_subsets(real, generated).protocol == "subsets of 1000, mean of 50"
    assert kid_of_subsets(real[:90], generated).protocol == "subsets of 90, mean of 50"


def test_subsets_hang_on_the_seed_alone_and_hold_no_picture_twice():
    real, generated = gaussian_features(0, 60, np.zeros(3)), gaussian_features(1, 40, np.ones(3))
    assert kid_of_subsets(real, generated) == kid_of_subsets(real, generated)
    assert kid_of_subsets(real, generated) != kid_of_subsets(real, generated, seed=1)
    whole = kid_of_subsets(real[:40], generated)  # a subset of 40 out of 40 is all of them, in another order
    assert whole.mean == pytest.approx(kid(real[:40], generated)) and whole.std < 1e-12


@pytest.mark.parametrize("measure", [kid, kid_of_batches, kid_of_subsets])
def test_features_that_cannot_be_compared_are_refused(measure):
    with pytest.raises(ValueError, match="at least two"):
        measure(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="one encoder"):
        measure(np.zeros((5, 3)), np.zeros((5, 4)))


def test_a_missing_encoder_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="no file .*nowhere.h5"):
        InceptionEncoder(weights_path=tmp_path / "nowhere.h5")
    monkeypatch.setenv("DDIM_INCEPTION_WEIGHTS", str(tmp_path / "elsewhere.h5"))
    with pytest.raises(OSError, match="no file .*elsewhere.h5"):
        InceptionEncoder()


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "inception.weights.h5"
    path.write_bytes(b"not a network")
    with pytest.raises(OSError, match="does not hold the weights of InceptionV3"):
        InceptionEncoder(weights_path=path)


def test_a_failed_download_names_the_option_and_the_variable(monkeypatch):
    def unreachable(**kwargs):
        raise Exception("URL fetch failure")  # what Keras raises, of this very class

    monkeypatch.delenv("DDIM_INCEPTION_WEIGHTS", raising=False)
    monkeypatch.setattr("keras.applications.InceptionV3", unreachable)
    with pytest.raises(OSError, match="--inception-weights or in DDIM_INCEPTION_WEIGHTS .URL fetch failure"):
        InceptionEncoder()


def test_an_unknown_block_is_refused_before_any_download():
    with pytest.raises(ValueError, match="mixed0 to mixed10, but not 'mixed11'"):
        InceptionEncoder("mixed11")


@pytest.fixture(scope="module")
def inception():
    """InceptionV3 with random weights: their numbers do not matter to how they are read."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))


@pytest.fixture(scope="module")
def random_weights(inception, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "random.weights.h5"
    inception.save_weights(path)
    return path


@pytest.fixture(scope="module")
def encoder(random_weights) -> InceptionEncoder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDIM_INCEPTION_WEIGHTS", str(random_weights))
        return InceptionEncoder("mixed2")


def test_features_are_the_average_of_the_block_of_the_picture_at_75_pixels(inception, encoder):
    import keras
    import tensorflow as tf

    images = np.random.default_rng(0).integers(0, 256, (3, 160, 100, 3), dtype=np.uint8)
    features = encoder.features(images)
    resized = tf.image.resize(tf.cast(images, tf.float32), (75, 75))
    pixels = keras.applications.inception_v3.preprocess_input(resized.numpy())
    block = keras.Model(inception.input, inception.get_layer("mixed2").output)(pixels, training=False).numpy()
    assert features.shape == (3, 288) and features.dtype == np.float32
    np.testing.assert_allclose(features, block.mean((1, 2)), rtol=1e-3, atol=1e-6)


def test_features_of_a_picture_do_not_hang_on_its_batch(encoder):
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)
    features = encoder.features(images)
    assert len(features) == 70
    np.testing.assert_allclose(encoder.features(images[64:]), features[64:], rtol=1e-4, atol=1e-6)


def test_the_protocol_names_block_size_and_weights(inception, encoder, random_weights):
    assert encoder.protocol.startswith("InceptionV3 mixed2 at 75 pixels, encoder ")
    copy = random_weights.with_name("copy.weights.h5")
    inception.save_weights(copy)
    assert InceptionEncoder("mixed2", copy).protocol == encoder.protocol
    inception.layers[1].set_weights([weight + 1 for weight in inception.layers[1].get_weights()])
    inception.save_weights(copy)
    assert InceptionEncoder("mixed2", copy).protocol != encoder.protocol


def test_pictures_that_are_not_uint8_are_refused(encoder):
    with pytest.raises(ValueError, match="uint8"):
        encoder.features(np.zeros((2, 8, 8, 3), np.float32))


@pytest.mark.skipif(not INCEPTION.is_file(), reason=f"there is no {INCEPTION}")
def test_flowers_are_nearer_to_flowers_than_blurred_ones_and_those_nearer_than_noise():
    flowers = load_images(f"folder:{TEST_DATA / 'flowers'}", "validation", 64)
    real, others = np.random.default_rng(0).permutation(flowers)[:256].reshape(2, 128, 64, 64, 3)
    blurred = others.reshape(128, 16, 4, 16, 4, 3).mean((2, 4)).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    noise = np.random.default_rng(1).integers(0, 256, others.shape, dtype=np.uint8)
    encoder = InceptionEncoder("mixed5", INCEPTION)
    real_features = encoder.features(real)
    near, far, farthest = (kid(real_features, encoder.features(images)) for images in (others, blurred, noise))
    assert abs(near) < 0.1 * far < 0.1 * farthest
