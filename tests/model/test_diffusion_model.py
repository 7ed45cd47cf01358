import json
from dataclasses import asdict

import numpy as np
import pytest

from ddim.configuration import from_json
from ddim.diffusion.noise import noise_from_seeds
from ddim.diffusion.sampling import SampleConfig
from ddim.diffusion.schedule import CosineSchedule, LinearLogSNRSchedule, Rates
from ddim.model.diffusion_model import DiffusionModel, ModelConfig, Normalizer, read_outputs, targets_of
from ddim.model.unet import UNetConfig

PREDICTION_TYPES = ("noise", "image", "velocity")
every_prediction_type = pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)


def rates_of_each_picture():
    rates = CosineSchedule()(np.linspace(0, 1, 5).reshape(-1, 1, 1, 1))
    return Rates(*rates)


@every_prediction_type
def test_what_is_read_from_the_target_are_the_noises_and_images_it_was_made_of(prediction_type):
    images, noises = np.random.default_rng(0).normal(size=(2, 5, 4, 4, 3))
    rates = rates_of_each_picture()
    noisy_images = rates.signal * images + rates.noise * noises
    target = targets_of(prediction_type, noises, images, rates)
    prediction = read_outputs(prediction_type, target, noisy_images, rates)
    np.testing.assert_allclose(prediction.noises, noises, rtol=0, atol=1e-12)
    np.testing.assert_allclose(prediction.images, images, rtol=0, atol=1e-12)


@every_prediction_type
def test_whatever_the_outputs_their_reading_explains_the_noisy_pictures(prediction_type):
    outputs, noisy_images = np.random.default_rng(0).normal(size=(2, 5, 4, 4, 3))
    rates = rates_of_each_picture()
    prediction = read_outputs(prediction_type, outputs, noisy_images, rates)
    explained = rates.signal * prediction.images + rates.noise * prediction.noises
    np.testing.assert_allclose(explained, noisy_images, rtol=0, atol=1e-12)
    # Reading loses nothing: it gives the outputs back.
    np.testing.assert_allclose(targets_of(prediction_type, *prediction, rates), outputs, rtol=0, atol=1e-12)


def test_targets_are_what_their_names_say():
    images, noises = np.random.default_rng(0).normal(size=(2, 5, 4, 4, 3))
    rates = rates_of_each_picture()
    np.testing.assert_array_equal(targets_of("noise", noises, images, rates), noises)
    np.testing.assert_array_equal(targets_of("image", noises, images, rates), images)
    # The velocity is how the noisy picture changes with the angle between signal and noise.
    angle, small = 0.4, 1e-6
    before, after = (np.cos(a) * images + np.sin(a) * noises for a in (angle - small, angle + small))
    velocities = targets_of("velocity", noises, images, Rates(noise=np.sin(angle), signal=np.cos(angle)))
    np.testing.assert_allclose(velocities, (after - before) / (2 * small), atol=1e-8)


@every_prediction_type
def test_denoise_tells_the_network_the_noise_variance_and_reads_its_outputs(
    tiny_config, tiny_network, tiny_normalizer, prediction_type
):
    model = DiffusionModel(ModelConfig(tiny_config, prediction_type), tiny_network, tiny_normalizer)
    rates = Rates(noise=0.6, signal=0.8)
    noisy_images = noise_from_seeds(range(3), (8, 8, 3))
    prediction = model.denoise(noisy_images, rates)
    outputs = tiny_network.predict_on_batch([noisy_images, np.full(3, 0.36, np.float32)])
    expected = {
        "noise": (outputs, (noisy_images - 0.6 * outputs) / 0.8),
        "image": ((noisy_images - 0.8 * outputs) / 0.6, outputs),
        "velocity": (0.6 * noisy_images + 0.8 * outputs, 0.8 * noisy_images - 0.6 * outputs),
    }[prediction_type]
    np.testing.assert_allclose(prediction.noises, expected[0], atol=1e-4)
    np.testing.assert_allclose(prediction.images, expected[1], atol=1e-4)


@every_prediction_type
@pytest.mark.parametrize("signal", [1e-4, 1 - 1e-9], ids=["hardly signal", "hardly noise"])
def test_outputs_are_read_by_rates_that_the_variance_told_to_the_network_cannot_hold(
    tiny_config, tiny_network, tiny_normalizer, prediction_type, signal
):
    model = DiffusionModel(ModelConfig(tiny_config, prediction_type), tiny_network, tiny_normalizer)
    rates = Rates(noise=float(np.sqrt(1 - signal**2)), signal=signal)
    noisy_images = noise_from_seeds(range(3), (8, 8, 3))
    prediction = model.denoise(noisy_images, rates)
    explained = rates.signal * prediction.images.astype(np.float64) + rates.noise * prediction.noises.astype(np.float64)
    np.testing.assert_allclose(explained, noisy_images, rtol=0, atol=1e-4)
    assert min(prediction.noises.std(), prediction.images.std()) > 0.01


ROSE_AND_TULIP = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
RATES = Rates(noise=0.6, signal=0.8)


def test_pictures_may_have_rates_of_their_own(species_model):
    noisy_images, rates = noise_from_seeds(range(5), (8, 8, 3)), rates_of_each_picture()
    together = species_model.denoise(noisy_images, rates)
    for number in range(5):
        level = Rates(float(rates.noise[number, 0, 0, 0]), float(rates.signal[number, 0, 0, 0]))
        alone = species_model.denoise(noisy_images[number : number + 1], level)
        np.testing.assert_allclose(together.images[number], alone.images[0], rtol=1e-3, atol=1e-3)


def test_guidance_goes_on_from_any_class_to_the_one_asked_for(species_model):
    noisy_images = noise_from_seeds([1, 2], (8, 8, 3))
    asked, guided = (species_model.denoise(noisy_images, RATES, ROSE_AND_TULIP, guidance) for guidance in (1, 2.5))
    any_class = species_model.denoise(noisy_images, RATES)
    for part in ("noises", "images"):
        one, other, told = (getattr(prediction, part) for prediction in (any_class, asked, guided))
        assert np.abs(one - other).max() > 0.01
        np.testing.assert_allclose(told, one + 2.5 * (other - one), rtol=1e-3, atol=1e-3)
    unguided = species_model.denoise(noisy_images, RATES, ROSE_AND_TULIP, guidance=0)
    np.testing.assert_allclose(unguided.images, any_class.images, atol=1e-4)


def test_guidance_asks_the_network_once_for_all_pictures(species_model, monkeypatch):
    calls = []

    def engine(noisy_images, noise_variances, class_weights):
        calls.append((len(noisy_images), len(noise_variances), class_weights))
        return np.zeros_like(noisy_images)

    monkeypatch.setattr(species_model, "engine", engine)
    species_model.denoise(noise_from_seeds([1, 2], (8, 8, 3)), RATES, ROSE_AND_TULIP, guidance=2)
    ((*sizes, class_weights),) = calls
    assert sizes == [4, 4]
    np.testing.assert_array_equal(class_weights, [*ROSE_AND_TULIP, [0, 0, 0], [0, 0, 0]])


def test_a_class_is_that_of_the_settings_or_drawn_by_each_seed(species_model):
    asked = species_model.class_weights([0, 1], SampleConfig(class_name="Tulip"))
    np.testing.assert_array_equal(asked, [[0, 0, 1], [0, 0, 1]])
    drawn = species_model.class_weights(range(40), SampleConfig())
    assert set(drawn.argmax(axis=1)) == {0, 1, 2} and np.all(drawn.sum(axis=1) == 1)
    np.testing.assert_array_equal(species_model.class_weights([7], SampleConfig()), drawn[7:8])


@pytest.mark.parametrize("settings", [{"class_name": "rose"}, {"guidance": 2.0}])
def test_weights_without_classes_refuse_to_be_asked_for_one(tiny_model, settings):
    with pytest.raises(ValueError, match="knows no classes to ask for or be guided by"):
        tiny_model.class_weights([0], SampleConfig(**settings))
    assert tiny_model.class_weights([0], SampleConfig()) is None


def test_normalizer_holds_mean_and_variance_of_each_channel():
    images = np.random.default_rng(0).integers(0, [256, 100, 30], size=(10, 8, 8, 3)).astype(np.uint8)
    normalizer = Normalizer.of(images)
    np.testing.assert_allclose(normalizer.mean, (images / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(normalizer.variance, (images / 255).var(axis=(0, 1, 2)), rtol=1e-6)


def test_normalized_pictures_have_mean_0_and_variance_1_and_find_back(tiny_config, tiny_network):
    images = np.random.default_rng(0).integers(0, [256, 100, 30], size=(10, 8, 8, 3)).astype(np.uint8)
    model = DiffusionModel(ModelConfig(tiny_config), tiny_network, Normalizer.of(images))
    pixels = (images / 255).astype(np.float32)
    normalized = model.normalize(pixels)
    assert normalized.dtype == np.float32
    np.testing.assert_allclose(normalized.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.var(axis=(0, 1, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(model.denormalize(normalized), pixels, atol=1e-6)


def test_sampling_covers_the_signal_rates_of_the_training_unless_told_otherwise(
    tiny_config, tiny_network, tiny_normalizer
):
    config = ModelConfig(tiny_config, min_signal_rate=0.05, max_signal_rate=0.9)
    model = DiffusionModel(config, tiny_network, tiny_normalizer)
    assert (model.sample_config().min_signal_rate, model.sample_config().max_signal_rate) == (0.05, 0.9)
    told = model.sample_config(max_signal_rate=0.8, num_steps=3)
    assert (told.min_signal_rate, told.max_signal_rate, told.num_steps) == (0.05, 0.8, 3)


def test_pictures_have_the_shape_that_the_network_was_built_for(tiny_model):
    assert tiny_model.image_shape == (8, 8, 3)


def test_config_survives_json():
    network = UNetConfig(image_size=16, widths=(8, 24), normalization="group", residual_scaling=True)
    config = ModelConfig(network, "velocity", "linear_log_snr", 0.05, 0.9)
    assert from_json(ModelConfig, json.loads(json.dumps(asdict(config)))) == config
    assert config.training_schedule() == LinearLogSNRSchedule(0.05, 0.9)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"prediction_type": "score"}, "prediction_type must be one of noise, image, velocity, but is 'score'"),
        ({"schedule": "sigmoid"}, "schedule must be one of cosine, linear_variance, linear_log_snr, but is 'sigmoid'"),
        ({"min_signal_rate": 0.0}, "min_signal_rate must be above 0 and below 1, but is 0.0"),
        ({"min_signal_rate": 0.96}, "0 < min_signal_rate < max_signal_rate <= 1"),
        ({"prediction_type": "image", "max_signal_rate": 1.0}, "With prediction_type 'image', max_signal_rate"),
        ({"schedule": "linear_log_snr", "max_signal_rate": 1.0}, "With schedule 'linear_log_snr', max_signal_rate"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_with_what_would_be_right(options, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**options)
