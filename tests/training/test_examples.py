import hashlib

import numpy as np
import pytest
from tiny_runs import run_python

from ddim.model.diffusion_model import ModelConfig, Normalizer
from ddim.model.unet import UNetConfig
from ddim.processes.member import Member
from ddim.training.config import TrainConfig
from ddim.training.examples import Batches, add_noise, training_examples, validation_examples

NETWORK = UNetConfig(image_size=8, widths=(4, 8), block_depth=1)
CONFIG = ModelConfig(NETWORK)
IMAGES = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)
NORMALIZER = Normalizer.of(IMAGES)
CLASS_WEIGHTS = np.eye(10, dtype=np.float32)  # each picture is a class of its own

EVEN_QUANTITIES = {
    "cosine": lambda noise, signal: np.arctan2(noise, signal),
    "linear_variance": lambda noise, signal: noise**2,
    "linear_log_snr": lambda noise, signal: np.log(noise / signal),
}


def batches_of(class_weights=None, batch_size=4, horizontal_flips=True, seed=0, config=CONFIG, **options):
    options |= {"batch_size": batch_size, "horizontal_flips": horizontal_flips, "seed": seed}
    return training_examples(IMAGES, class_weights, TrainConfig(config, **options), NORMALIZER)


def rates_of(inputs):
    """Noise and signal rates (B, 1, 1, 1) float64 of a batch, by what the network is told."""
    variances = inputs["noise_variances"].astype(np.float64)[:, None, None, None]
    return np.sqrt(variances), np.sqrt(1 - variances)


def pixels_of(targets):
    """The pictures (B, H, W, C) uint8 that a batch was made of."""
    pixels = 255 * (targets["image"] * np.sqrt(NORMALIZER.variance) + NORMALIZER.mean)
    np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-3)
    return np.round(pixels).astype(np.uint8)


def numbers_of(pictures):
    """Which of IMAGES these are."""
    return [int(np.flatnonzero((picture == IMAGES).all(axis=(1, 2, 3)))[0]) for picture in pictures]


def assert_same(batch, expected):
    for arrays, expected_arrays in zip(batch, expected, strict=True):
        assert arrays.keys() == expected_arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected_arrays[name])


def test_a_batch_hangs_on_seed_and_step_alone():
    examples_at = batches_of(seed=3)
    alone = batches_of(seed=3)(5)
    assert_same([examples_at(step) for step in (0, 7, 5)][-1], alone)
    assert_same(examples_at(5), alone)
    for other in (examples_at(6), batches_of(seed=4)(5)):
        assert not np.array_equal(other.inputs["noisy_images"], alone.inputs["noisy_images"])
        assert not np.array_equal(other.inputs["noise_variances"], alone.inputs["noise_variances"])


def fingerprint(batch):
    return hashlib.sha256(b"".join(array.tobytes() for part in batch for array in part.values())).hexdigest()


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("time_sampling", ["uniform", "log_normal"])
def test_the_shares_of_all_processes_are_the_batch_of_one(processes, time_sampling):
    config = TrainConfig(CONFIG, batch_size=8, horizontal_flips=True, time_sampling=time_sampling, class_dropout=0.5)
    members = [Member(process, processes) for process in range(processes)]
    whole = training_examples(IMAGES, CLASS_WEIGHTS, config, NORMALIZER)
    shares = [training_examples(IMAGES, CLASS_WEIGHTS, config, NORMALIZER, member) for member in members]
    for step in range(3):  # passes end amid batches
        parts = [examples_at(step) for examples_at in shares]
        assert all(len(part.targets["noise"]) == 8 // processes for part in parts)
        for index, expected in enumerate(whole(step)):
            for name, array in expected.items():
                np.testing.assert_array_equal(np.concatenate([part[index][name] for part in parts]), array)


def test_a_batch_is_the_same_in_another_process():
    program = "from training.test_examples import *; print(fingerprint(batches_of(seed=3)(5)))"
    assert run_python("-c", program, KERAS_BACKEND="numpy").strip() == fingerprint(batches_of(seed=3)(5))


def test_the_network_is_given_float32():
    for part in batches_of()(0):
        assert {array.dtype for array in part.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("batch_size", [4, 10, 25], ids=lambda size: f"{size} of 10 pictures")
def test_each_pass_shows_each_picture_once_in_an_order_of_its_own(batch_size):
    examples_at = batches_of(batch_size=batch_size, horizontal_flips=False)
    shown = [number for step in range(200 // batch_size) for number in numbers_of(pixels_of(examples_at(step).targets))]
    passes = [tuple(shown[start : start + 10]) for start in range(0, 200, 10)]
    assert all(sorted(one_pass) == list(range(10)) for one_pass in passes)
    assert len(set(passes)) == 20


def test_horizontal_flips_mirror_half_of_the_pictures():
    flips = []
    for with_flips in (True, False):
        examples_at = batches_of(batch_size=10, horizontal_flips=with_flips)
        for step in range(40):
            upright = examples_at(step).targets["image"]
            pictures = pixels_of({"image": upright})
            is_original = (pictures[:, None] == IMAGES).all(axis=(2, 3, 4)).any(axis=1)
            is_mirrored = (pictures[:, None] == IMAGES[:, :, ::-1]).all(axis=(2, 3, 4)).any(axis=1)
            assert np.all(is_original ^ is_mirrored)
            flips.append(is_mirrored.mean())
    assert np.mean(flips[:40]) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(400))
    assert not any(flips[40:])


def test_noisy_images_are_signal_times_image_plus_noise_times_noise():
    inputs, targets = batches_of()(0)
    noise_rates, signal_rates = rates_of(inputs)
    expected = signal_rates * targets["image"] + noise_rates * targets["noise"]
    np.testing.assert_allclose(inputs["noisy_images"], expected, rtol=0, atol=1e-5)


def test_velocity_is_signal_times_noise_minus_noise_times_image():
    inputs, targets = batches_of()(0)
    noise_rates, signal_rates = rates_of(inputs)
    expected = signal_rates * targets["noise"] - noise_rates * targets["image"]
    np.testing.assert_allclose(targets["velocity"], expected, rtol=0, atol=1e-5)


def test_pictures_have_mean_0_and_variance_1_in_each_channel():
    images = batches_of(batch_size=10, horizontal_flips=False)(0).targets["image"]
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(images.var(axis=(0, 1, 2)), 1, atol=1e-5)


def test_noises_are_normal_and_independent_of_each_other():
    noises = np.concatenate([batches_of()(step).targets["noise"] for step in range(100)]).reshape(400, -1)
    count = noises.size
    assert noises.mean() == pytest.approx(0, abs=4 / np.sqrt(count))
    assert noises.var() == pytest.approx(1, abs=4 * np.sqrt(2 / count))
    correlations = np.corrcoef(noises)[~np.eye(400, dtype=bool)]
    assert np.abs(correlations).max() < 6 / np.sqrt(noises.shape[1])


def diffusion_times_of(inputs, config):
    """The times (B,) at which a batch was drawn, from what its schedule shares out evenly."""
    quantity = EVEN_QUANTITIES[config.schedule]
    rates = [np.sqrt(inputs["noise_variances"].astype(np.float64)), np.sqrt(1 - inputs["noise_variances"])]
    start, end = (
        quantity(np.sqrt(1 - signal_rate**2), signal_rate)
        for signal_rate in (config.max_signal_rate, config.min_signal_rate)
    )
    return (quantity(*rates) - start) / (end - start)


@pytest.mark.parametrize("schedule", EVEN_QUANTITIES)
@pytest.mark.parametrize("min_signal_rate, max_signal_rate", [(0.02, 0.95), (0.2, 0.8)])
def test_times_are_uniform_and_one_in_each_part_of_a_batch(schedule, min_signal_rate, max_signal_rate):
    config = ModelConfig(NETWORK, "noise", schedule, min_signal_rate, max_signal_rate)
    examples_at = batches_of(batch_size=8, config=config)
    times = np.stack([diffusion_times_of(examples_at(step).inputs, config) for step in range(300)])
    assert np.all((times > -1e-3) & (times < 1 + 1e-3))
    # In each eighth of [0, 1] there is just one, but for what rounding moves over a border.
    assert np.mean(np.sort(np.floor(times.clip(0, 0.9999) * 8)) == np.arange(8)) > 0.999
    deciles = np.quantile(times, [0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(deciles, [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.02)
    assert np.corrcoef(times[:, 0], times[:, 7])[0, 1] > 0.99  # one draw for all parts
    assert np.quantile(times[:, 0] * 8, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.12)


def log_ratios_of(inputs):
    noise_rates, signal_rates = rates_of(inputs)
    return np.log(noise_rates / signal_rates).ravel()


def test_log_normal_times_are_normal_in_the_logarithm_of_noise_over_signal_and_clipped_to_the_range():
    config = ModelConfig(NETWORK, "velocity", "cosine", 0.02, 0.999)
    examples_at = batches_of(batch_size=8, config=config, time_sampling="log_normal")
    ratios = np.stack([log_ratios_of(examples_at(step).inputs) for step in range(500)])
    # One in each eighth of the distribution, all by one draw.
    borders = [-0.4 + 1.3 * quantile for quantile in (-1.1503, -0.6745, -0.3186, 0, 0.3186, 0.6745, 1.1503)]
    assert np.mean(np.searchsorted(borders, ratios) == np.arange(8)) > 0.999
    expected = [-0.4 + 1.3 * quantile for quantile in (-1.2816, -0.6745, 0, 0.6745, 1.2816)]
    np.testing.assert_allclose(np.quantile(ratios, [0.1, 0.25, 0.5, 0.75, 0.9]), expected, atol=0.08)
    narrow = batches_of(
        batch_size=8, config=ModelConfig(NETWORK, "noise", "cosine", 0.6, 0.8), time_sampling="log_normal"
    )
    clipped = np.concatenate([log_ratios_of(narrow(step).inputs) for step in range(50)])
    assert clipped.min() == pytest.approx(np.log(0.6 / 0.8), abs=1e-4)
    assert clipped.max() == pytest.approx(np.log(0.8 / 0.6), abs=1e-4)


def test_each_picture_brings_its_class_and_now_and_then_none():
    examples_at = batches_of(CLASS_WEIGHTS, batch_size=10, horizontal_flips=False, class_dropout=0.25)
    shown = []
    for step in range(100):
        inputs, targets = examples_at(step)
        weights = inputs["class_weights"]
        for number, row in zip(numbers_of(pixels_of(targets)), weights, strict=True):
            assert np.array_equal(row, CLASS_WEIGHTS[number]) or not row.any()
        shown.append(weights.any(axis=1))
    assert np.mean(shown) == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 1000))


def test_classes_change_nothing_else_about_a_batch():
    with_classes, without = batches_of(CLASS_WEIGHTS)(3), batches_of()(3)
    del with_classes.inputs["class_weights"]
    assert_same(with_classes, without)


def test_validation_shows_each_picture_once_always_with_the_same_noise():
    examples_at = validation_examples(IMAGES, CLASS_WEIGHTS, TrainConfig(CONFIG, batch_size=5), NORMALIZER)
    first, second = examples_at(0), examples_at(1)
    assert numbers_of(pixels_of(first.targets)) + numbers_of(pixels_of(second.targets)) == list(range(10))
    assert_same(examples_at(0), first)
    np.testing.assert_array_equal(first.inputs["class_weights"], CLASS_WEIGHTS[:5])
    assert not np.array_equal(first.targets["noise"], second.targets["noise"])
    training = batches_of(batch_size=5)(0)
    assert not np.array_equal(training.targets["noise"], first.targets["noise"])


def test_batches_are_those_of_the_steps_that_are_left():
    examples_at = batches_of()
    batches = Batches(examples_at, start=7, stop=12)
    assert len(batches) == 5
    for index in range(5):
        assert_same(batches[index], examples_at(7 + index))


def test_one_picture_can_be_a_batch():
    examples = add_noise(IMAGES[:1], np.random.default_rng(0), TrainConfig(CONFIG), NORMALIZER)
    assert examples.inputs["noisy_images"].shape == (1, 8, 8, 3)
    assert examples.inputs["noise_variances"].shape == (1,)
