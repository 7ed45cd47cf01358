import numpy as np
import pytest
from numpy_unet import random_weights

from ddim.model.folding import can_fold, fold_normalization
from ddim.model.keras_engine import keras_engine
from ddim.model.unet import UNetConfig, build_unet


def outputs_of(network, config):
    generator = np.random.default_rng(0)
    noisy_images = generator.standard_normal((3, config.image_size, config.image_size, 3), dtype=np.float32)
    class_weights = [np.eye(3, config.num_classes, dtype=np.float32)] if config.num_classes else []
    return network.predict_on_batch([noisy_images, np.array([0.1, 0.5, 0.99], np.float32), *class_weights])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"block_depth": 2},
        {"upsampling": "transposed"},
        {"residual_scaling": True},
        {"attention_levels": 2},
        {"skips": "added"},
        {"image_size": 16, "patch_size": 2, "conditioning": "blocks", "num_classes": 3, "attention_levels": 1},
    ],
    ids=str,
)
def test_a_folded_network_says_the_same(options):
    config = UNetConfig(**{"image_size": 8, "widths": (4, 8, 8), "block_depth": 1, **options})
    network = build_unet(config)
    network.set_weights(random_weights(network))
    folded = fold_normalization(config, network, "float32")
    expected = outputs_of(network, config)
    np.testing.assert_allclose(outputs_of(folded, config), expected, atol=1e-4 * max(1, np.abs(expected).max()))
    assert folded.count_params() < network.count_params()


def test_only_batch_normalization_folds():
    assert can_fold(UNetConfig())
    assert not can_fold(UNetConfig(normalization="group"))


@pytest.mark.parametrize("options", [{}, {"attention_levels": 1}, {"normalization": "layer"}])
def test_the_engine_runs_a_faster_copy_of_final_weights_and_the_network_itself_otherwise(options):
    config = UNetConfig(image_size=8, widths=(8, 8), block_depth=1, **options)
    network = build_unet(config)
    network.set_weights(random_weights(network))
    noisy_images, variances = np.ones((2, 8, 8, 3), np.float32), np.ones(2, np.float32)
    final, changing = keras_engine(config, network, "float32", is_final=True), keras_engine(config, network, "float32")
    before = changing(noisy_images, variances)
    np.testing.assert_allclose(final(noisy_images, variances), before, rtol=1e-4, atol=1e-4)
    network.set_weights([2 * weight for weight in network.get_weights()])
    np.testing.assert_allclose(final(noisy_images, variances), before, rtol=1e-4, atol=1e-4)
    assert np.abs(changing(noisy_images, variances) - before).max() > 1e-2
