import numpy as np
import pytest
from numpy_unet import random_weights

from ddim.diffusion.noise import noise_from_seeds
from ddim.model.folding import fold_normalization
from ddim.model.unet import UNetConfig, build_unet

pytest.importorskip("openvino")

from ddim.model.openvino_engine import openvino_engine
from ddim.model.openvino_graph import can_make_graph, graph_of

IN_BLOCKS = {"conditioning": "blocks", "num_classes": 3, "embedding_size": 8, "embedding_max_frequency": 16.0}
OPTIONS = [
    {},
    {"attention_levels": 2, "attention_once": True},
    {"residual_scaling": True, "activation": "gelu"},
    {"activation": "mish", "upsampling": "nearest"},
    {"activation": "relu", "skips": "added"},
    {**IN_BLOCKS, "patch_size": 2, "skips": "added", "attention_levels": 1},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("num_images", [1, 3])
def test_the_graph_says_what_keras_says(options, num_images):
    config = UNetConfig(image_size=16, widths=(32, 64), block_depth=2, **options)
    network = build_unet(config)
    network.set_weights(random_weights(network))
    noise_variances = np.linspace(1e-4, 1, num_images, dtype=np.float32)
    inputs = [noise_from_seeds(range(num_images), (16, 16, 3)), noise_variances]
    if config.num_classes:
        inputs.append(np.eye(num_images, 3, dtype=np.float32))
    engine = openvino_engine(config, graph_of(config, fold_normalization(config, network, "float32")), "float32")
    expected = network.predict_on_batch(inputs)
    # Scores of random attention are large, so roundings grow.
    np.testing.assert_allclose(engine(*inputs), expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_networks_that_have_no_counterpart_are_told():
    assert can_make_graph(UNetConfig())
    assert not can_make_graph(UNetConfig(normalization="group"))
    assert not can_make_graph(UNetConfig(upsampling="transposed"))
