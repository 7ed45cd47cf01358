from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ddim.model.keras_engine
from ddim.diffusion.noise import noise_from_seeds
from ddim.model.keras_engine import keras_engine

NOISY_IMAGES = noise_from_seeds(range(40), (8, 8, 3))
NOISE_VARIANCES = np.linspace(0.1, 1, 40, dtype=np.float32)


@pytest.fixture(scope="module")
def engine(tiny_config, tiny_network):
    return keras_engine(tiny_config, tiny_network, "float32")


@pytest.fixture(scope="module")
def direct_outputs(tiny_network):
    return np.asarray(tiny_network([NOISY_IMAGES, NOISE_VARIANCES]))


@pytest.mark.parametrize("num_images", range(1, 41))
def test_any_number_of_pictures_gives_what_the_network_gives(engine, direct_outputs, num_images):
    outputs = engine(NOISY_IMAGES[-num_images:], NOISE_VARIANCES[-num_images:])
    np.testing.assert_allclose(outputs, direct_outputs[-num_images:], rtol=0, atol=1e-5)


def test_callers_at_the_same_time_each_get_their_own_pictures(engine, direct_outputs):
    parts = [slice(start, start + 1 + start % 5) for start in range(35)] * 3
    with ThreadPoolExecutor(max_workers=8) as callers:
        results = list(callers.map(lambda part: engine(NOISY_IMAGES[part], NOISE_VARIANCES[part]), parts))
    for part, outputs in zip(parts, results, strict=True):
        np.testing.assert_allclose(outputs, direct_outputs[part], rtol=0, atol=1e-5)


def relative_difference(outputs, expected):
    return np.sqrt(np.mean((outputs - expected) ** 2) / np.mean(expected**2))


def test_bfloat16_is_what_was_asked_for_and_agrees_loosely(tiny_config, tiny_network, direct_outputs):
    engine = keras_engine(tiny_config, tiny_network, "bfloat16")
    assert engine.precision == "bfloat16"
    outputs = engine(NOISY_IMAGES, NOISE_VARIANCES)
    assert outputs.dtype == np.float32
    # bfloat16 has 8 bits: a difference below 2^-12 would mean that it was not used.
    assert 2**-12 < relative_difference(outputs, direct_outputs) < 0.05


def test_auto_is_float32_where_bfloat16_is_no_quicker(tiny_config, tiny_network, monkeypatch):
    monkeypatch.setattr(ddim.model.keras_engine, "prefers_bfloat16", lambda: False)
    assert keras_engine(tiny_config, tiny_network, "auto").precision == "float32"


def test_auto_is_bfloat16_where_that_is_quicker_and_agrees(tiny_config, tiny_network, monkeypatch):
    monkeypatch.setattr(ddim.model.keras_engine, "prefers_bfloat16", lambda: True)
    monkeypatch.setattr(ddim.model.keras_engine, "BFLOAT16_TOLERANCE", 0.05)
    assert keras_engine(tiny_config, tiny_network, "auto").precision == "bfloat16"


def test_auto_is_float32_where_bfloat16_does_not_agree(tiny_config, tiny_network, monkeypatch, direct_outputs):
    monkeypatch.setattr(ddim.model.keras_engine, "prefers_bfloat16", lambda: True)
    monkeypatch.setattr(ddim.model.keras_engine, "BFLOAT16_TOLERANCE", 2**-12)
    engine = keras_engine(tiny_config, tiny_network, "auto")
    assert engine.precision == "float32"
    np.testing.assert_allclose(engine(NOISY_IMAGES, NOISE_VARIANCES), direct_outputs, rtol=0, atol=1e-5)
