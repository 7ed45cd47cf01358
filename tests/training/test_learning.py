import math

import keras
import numpy as np
import pytest

from ddim.model.diffusion_model import ModelConfig
from ddim.training.config import TrainConfig
from ddim.training.devices import devices
from ddim.training.examples import add_noise
from ddim.training.learning import CONSTANT_PART, compile_losses, learning_network, new_optimizer

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
KINDS = ("noise", "image", "velocity")


def numpy_predictions(prediction_type, outputs, inputs, signal_rate=None):
    """Noises, images and velocities that outputs (B, H, W, C) mean, in float64: by the rates that networks are told, or
    by one for all.
    """
    noisy_images, outputs = inputs["noisy_images"].astype(np.float64), outputs.astype(np.float64)
    variances = inputs["noise_variances"].astype(np.float64)[:, None, None, None]
    if signal_rate is not None:
        variances = np.full_like(variances, 1 - signal_rate**2)
    noise_rates, signal_rates = np.sqrt(variances), np.sqrt(1 - variances)
    if prediction_type == "noise":
        noises = outputs
        images = (noisy_images - noise_rates * noises) / signal_rates
    elif prediction_type == "image":
        images = outputs
        noises = (noisy_images - signal_rates * images) / noise_rates
    else:
        images = signal_rates * noisy_images - noise_rates * outputs
        noises = (noisy_images - signal_rates * images) / noise_rates
    return {"noise": noises, "image": images, "velocity": signal_rates * noises - noise_rates * images}


@pytest.mark.parametrize("prediction_type", KINDS)
@pytest.mark.parametrize("loss_on", KINDS)
@pytest.mark.parametrize("loss", ["mae", "mse", "huber", "pseudo_huber"])
def test_the_loss_is_the_mean_error_of_what_it_stands_on(
    tiny_config, tiny_network, tiny_normalizer, prediction_type, loss_on, loss
):
    config = ModelConfig(tiny_config, prediction_type)
    inputs, targets = add_noise(IMAGES, np.random.default_rng(1), TrainConfig(config), tiny_normalizer)
    outputs = tiny_network.predict_on_batch(list(inputs.values()))
    predictions = numpy_predictions(prediction_type, outputs, inputs)
    learner = learning_network(tiny_network, prediction_type)
    compile_losses(learner, loss, loss_on)
    reported = learner.evaluate(inputs, targets, return_dict=True, verbose=0)
    errors = {kind: np.abs(predictions[kind] - targets[kind]) for kind in KINDS}
    of_each = {
        "mae": errors[loss_on],
        "mse": errors[loss_on] ** 2,
        "huber": np.where(errors[loss_on] < 0.3, errors[loss_on] ** 2 / 2, 0.3 * (errors[loss_on] - 0.15)),
        "pseudo_huber": np.sqrt((errors[loss_on] ** 2).mean(axis=(1, 2, 3)) + 0.00054**2) - 0.00054,
    }
    assert reported["loss"] == pytest.approx(of_each[loss].mean(), rel=1e-3)
    assert reported["image_loss"] == pytest.approx(errors["image"].mean(), rel=1e-3)
    assert reported.keys() == {"loss", "image_loss"}


@pytest.mark.parametrize("prediction_type", KINDS)
@pytest.mark.parametrize("rates", [(0.005, 0.005001), (0.9999999, 0.99999990001)], ids=["least signal", "least noise"])
def test_losses_are_those_of_the_exact_rates_at_both_ends_of_what_can_be_learned(
    tiny_config, tiny_network, tiny_normalizer, prediction_type, rates
):
    config = ModelConfig(tiny_config, prediction_type, "cosine", *rates)
    inputs, targets = add_noise(IMAGES, np.random.default_rng(1), TrainConfig(config), tiny_normalizer)
    outputs = tiny_network.predict_on_batch(list(inputs.values()))
    predictions = numpy_predictions(prediction_type, outputs, inputs, signal_rate=sum(rates) / 2)
    for kind in KINDS:
        learner = learning_network(tiny_network, prediction_type)
        compile_losses(learner, "mae", kind)
        reported = learner.evaluate(inputs, targets, return_dict=True, verbose=0)["loss"]
        assert reported == pytest.approx(np.abs(predictions[kind] - targets[kind]).mean(), rel=2e-3)


GRADIENTS = [np.array([0.3, -0.02, 4.0]), np.array([-0.1, 0.5, 0.01]), np.array([2.0, -2.0, 1e-4])]
START = np.array([1.0, -2.0, 3.0])


def adamw_by_hand(learning_rate, weight_decay, clip_norm=math.inf):
    """START after GRADIENTS, by the formulas of the papers (1412.6980 and 1711.05101)."""
    weights, mean, square = START.copy(), 0, 0
    for step, gradient in enumerate(GRADIENTS, start=1):
        gradient = gradient * min(1, clip_norm / np.linalg.norm(gradient))
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        update = (mean / (1 - 0.9**step)) / np.sqrt(square / (1 - 0.999**step))
        weights = weights - learning_rate * weight_decay * weights - learning_rate * update
    return weights


def adamw(**options):
    settings = {"learning_rate": 0.01, "weight_decay": 0.0, "clip_norm": 0.0}
    optimizer = new_optimizer(TrainConfig(**settings | options), 10, loss_scaling=False)
    weights = keras.Variable(START.astype(np.float32))
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [weights])
    return keras.ops.convert_to_numpy(weights)


def test_the_optimizer_is_adamw():
    np.testing.assert_allclose(adamw(), adamw_by_hand(0.01, 0), rtol=1e-5)
    np.testing.assert_allclose(adamw(learning_rate=0.1), adamw_by_hand(0.1, 0), rtol=1e-5)


def test_weight_decay_is_multiplied_by_the_learning_rate():
    expected = adamw_by_hand(0.01, 2.0)
    np.testing.assert_allclose(adamw(weight_decay=2.0), expected, rtol=1e-5)
    assert np.abs(expected - adamw()).max() > 0.05


def test_clip_norm_bounds_the_norm_of_the_gradients():
    expected = adamw_by_hand(0.01, 0, clip_norm=0.3)
    np.testing.assert_allclose(adamw(clip_norm=0.3), expected, rtol=1e-5)
    assert np.abs(expected - adamw()).max() > 1e-3


def test_clip_norm_bounds_all_gradients_together():
    first, second = keras.Variable(np.zeros(2, np.float32)), keras.Variable(np.zeros(2, np.float32))
    config = TrainConfig(learning_rate=0.1, weight_decay=0.0, clip_norm=1.0)
    optimizer = new_optimizer(config, 10, loss_scaling=False)
    optimizer.apply([keras.ops.array([3.0, 0.0]), keras.ops.array([0.0, 4.0])], [first, second])
    means = [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables if "momentum" in variable.path]
    np.testing.assert_allclose(means, [[0.06, 0], [0, 0.08]], rtol=1e-5)


def test_epsilon_is_too_small_to_matter_beside_small_gradients():
    weights = keras.Variable(np.zeros(1, np.float32))
    optimizer = new_optimizer(TrainConfig(learning_rate=0.1, weight_decay=0.0), 10, loss_scaling=False)
    optimizer.apply([keras.ops.array([1e-5])], [weights])
    assert float(keras.ops.convert_to_numpy(weights)[0]) == pytest.approx(-0.1, rel=0.05)


def learning_rates(total_steps, **options):
    """The learning rate of each of these steps, and that after them."""
    config = TrainConfig(learning_rate=0.2, weight_decay=0.0, **options)
    optimizer = new_optimizer(config, total_steps, loss_scaling=False)
    weights = keras.Variable(np.zeros(1, np.float32))
    rates = []
    for _ in range(total_steps + 1):
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
        optimizer.apply([keras.ops.array([1.0])], [weights])
    return rates


def test_cosine_decay_falls_to_zero_along_a_cosine():
    expected = [0.1 * (1 + math.cos(math.pi * step / 8)) for step in range(9)]
    np.testing.assert_allclose(learning_rates(8, learning_rate_decay="cosine"), expected, atol=1e-7)


def test_linear_decay_is_constant_for_the_first_part_and_zero_at_the_end():
    rates = learning_rates(20, learning_rate_decay="linear")
    assert CONSTANT_PART * 20 == 12
    np.testing.assert_allclose(rates[:13], 0.2, rtol=1e-6)
    np.testing.assert_allclose(rates[12:], np.linspace(0.2, 0, 9), atol=1e-7)


def test_the_learning_rate_warms_up_along_a_line_before_it_falls():
    np.testing.assert_allclose(learning_rates(6, warmup_steps=4), [0.05, 0.1, 0.15, 0.2, 0.2, 0.2, 0.2], rtol=1e-6)
    falling, rates = (learning_rates(8, learning_rate_decay="cosine", warmup_steps=steps) for steps in (0, 2))
    np.testing.assert_allclose(rates, [falling[0] / 2, *falling[1:]], atol=1e-7)


@pytest.mark.parametrize("distribute, backend", [("mirrored", "tensorflow"), ("data_parallel", "jax")])
def test_devices_are_refused_to_the_wrong_backend(monkeypatch, distribute, backend):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match=f"--distribute {distribute} needs the Keras backend {backend}: set KERAS_BA"):
        devices(distribute, 64)
