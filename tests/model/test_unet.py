import math
from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy_unet import numpy_unet, numpy_waves, random_weights

from ddim.diffusion.noise import noise_from_seeds
from ddim.model.layers import NoiseEmbedding
from ddim.model.unet import UNetConfig, build_unet

# Low frequencies, so that float32 and float64 agree in all but the last digits.
BASE = UNetConfig(image_size=8, widths=(4, 8), block_depth=1, embedding_size=4, embedding_max_frequency=5)
NOISE_VARIANCES = np.array([0.1, 0.5, 0.9975], np.float32)
OPTIONS = [
    {},
    {"image_size": 16},
    {"widths": (5, 3, 2)},
    {"block_depth": 3},
    {"embedding_size": 8},
    {"embedding_max_frequency": 20.0},
    {"normalization": "group", "widths": (8, 16), "embedding_size": 8},
    {"normalization": "layer"},
    {"normalization": "none"},
    {"activation": "gelu"},
    {"activation": "mish"},
    {"activation": "relu"},
    {"upsampling": "nearest"},
    {"upsampling": "transposed"},
    {"attention_levels": 1},
    {"attention_levels": 2},
    {"attention_levels": 1, "widths": (4, 64)},  # two heads
    {"attention_levels": 2, "attention_once": True, "block_depth": 2},
    {"residual_scaling": True},
    {"skips": "added", "block_depth": 2},
    {"skips": "added", "widths": (4, 4)},  # nothing to bring to another width
    {"patch_size": 2},
    {"patch_size": 4, "image_size": 16},
    {"conditioning": "blocks"},
    {"conditioning": "blocks", "activation": "gelu", "block_depth": 2},
    {"conditioning": "blocks", "num_classes": 3},
    {"conditioning": "blocks", "num_classes": 3, "patch_size": 2, "skips": "added", "attention_levels": 1},
]
CLASS_WEIGHTS = np.array([[1, 0, 0], [0, 0, 0], [0.25, 0, 0.75]], np.float32)


def run(network, *inputs):
    """What the network puts out, without compiling it first."""
    return keras.ops.convert_to_numpy(network(list(inputs)))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_means_what_the_network_in_numpy_says(options):
    config = replace(BASE, **options)
    network = build_unet(config)
    weights = random_weights(network)
    network.set_weights(weights)
    noisy_images = noise_from_seeds(range(3), (config.image_size, config.image_size, 3))
    inputs = [noisy_images, NOISE_VARIANCES, *([CLASS_WEIGHTS] if config.num_classes else [])]
    outputs = run(network, *inputs)
    expected = numpy_unet(config, weights, *inputs)
    np.testing.assert_allclose(outputs, expected, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("form", ["fused", "folded"])
def test_the_quick_forms_say_the_same_as_the_plain_one(form):
    config = replace(
        BASE, conditioning="blocks", num_classes=3, patch_size=2, attention_levels=1, normalization="layer"
    )
    network, quick = build_unet(config), build_unet(config, form=form)
    weights = random_weights(network)
    network.set_weights(weights)
    quick.set_weights(weights)
    inputs = [noise_from_seeds(range(3), (8, 8, 3)), NOISE_VARIANCES, CLASS_WEIGHTS]
    np.testing.assert_allclose(run(quick, *inputs), run(network, *inputs), rtol=1e-4, atol=1e-4)


def test_the_network_of_the_research_has_its_parameters():
    config = UNetConfig(
        widths=(64, 128, 256),
        patch_size=2,
        conditioning="blocks",
        num_classes=90,
        embedding_size=64,
        embedding_max_frequency=16.0,
        attention_levels=2,
        attention_once=True,
    )
    network = build_unet(config)
    trained = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    assert trained == 5_337_676 - 256  # zeros stand for any class, where it had a row of the table


def test_zeros_ask_for_any_class_and_a_mixture_lies_between_two():
    config = replace(BASE, conditioning="blocks", num_classes=2)
    network = build_unet(config)
    network.set_weights(random_weights(network))
    noisy_images = noise_from_seeds([0] * 4, (8, 8, 3))
    shares = np.array([[1, 0], [0, 1], [0.5, 0.5], [0, 0]], np.float32)
    first, second, between, neither = run(network, noisy_images, np.full(4, 0.5, np.float32), shares)
    distance = np.abs(first - second).max()
    assert distance > 0.1
    assert np.abs(neither - between).max() > 0.01
    assert max(np.abs(between - first).mean(), np.abs(between - second).mean()) < distance


def test_the_default_network_has_the_parameters_of_the_tutorial():
    assert build_unet(UNetConfig()).count_params() == 1_953_507


def test_an_untrained_network_predicts_zero():
    outputs = run(build_unet(BASE), noise_from_seeds([0], (8, 8, 3)), np.ones(1, np.float32))
    assert not outputs.any()


@pytest.fixture
def global_policy():
    """A function that sets Keras's dtype policy for the rest of the test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "mixed_bfloat16", "mixed_float16"])
def test_the_noise_embedding_is_float32_under_every_precision(precision, global_policy):
    global_policy(precision)
    network = build_unet(UNetConfig(image_size=8, widths=(4, 8), block_depth=1), precision)
    (embedding,) = [layer for layer in network.layers if isinstance(layer, NoiseEmbedding)]
    noise_variances = np.linspace(0, 1, 1001, dtype=np.float32)
    waves = keras.ops.convert_to_numpy(keras.Model(network.inputs[1], embedding.output)(noise_variances))
    assert waves.dtype == np.float32
    assert np.all(waves == waves[:, :1, :1])  # the same at every pixel
    expected = numpy_waves(noise_variances, 32, 1000)
    np.testing.assert_allclose(waves[:, 0, 0], expected, atol=5e-3)  # in bfloat16 it would be off by up to 2


@pytest.mark.parametrize(
    "precision, compute_type, weights_type",
    [
        ("float32", "float32", "float32"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("mixed_float16", "float16", "float32"),
    ],
)
def test_precision_is_that_of_all_but_embedding_and_output(precision, compute_type, weights_type):
    network = build_unet(BASE, precision)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    *inner, output = convolutions
    assert {layer.compute_dtype for layer in inner} == {compute_type}
    assert {str(weight.dtype) for layer in inner for weight in layer.weights} == {weights_type}
    assert output.compute_dtype == "float32"
    outputs = run(network, noise_from_seeds([0], (8, 8, 3)), np.ones(1, np.float32))
    assert outputs.dtype == np.float32


def test_batch_normalization_sees_all_devices_only_when_asked():
    for form in ("plain", "fused", "synchronized"):
        layers = build_unet(BASE, form=form).layers
        normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        assert {layer.synchronized for layer in normalizations} == {form == "synchronized"}


def test_widths_may_come_as_a_list_as_json_has_them():
    assert UNetConfig(widths=[4, 8]) == UNetConfig(widths=(4, 8))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"normalization": "instance"}, "normalization must be one of batch, group, layer, none, but is 'instance'"),
        ({"activation": "tanh"}, "activation must be one of"),
        ({"upsampling": "bicubic"}, "upsampling must be one of"),
        ({"widths": (32,)}, "widths must be two to 12 numbers"),
        ({"widths": (32, 0)}, "each of widths must be at least 1 and at most 16384, but one is 0"),
        ({"block_depth": 0}, "block_depth must be at least 1"),
        ({"image_size": 60}, "image_size must be a multiple of 8, but is 60"),
        ({"image_size": 0}, "image_size must be at least 1"),
        ({"embedding_size": 31}, "embedding_size must be even"),
        ({"embedding_size": 0}, "embedding_size must be at least 2"),
        ({"embedding_max_frequency": 1.0}, "embedding_max_frequency must be above 1"),
        ({"attention_levels": 5}, "attention_levels must be from 0 to 4"),
        ({"attention_levels": -1}, "attention_levels must be at least 0"),
        ({"patch_size": 0}, "patch_size must be at least 1"),
        ({"patch_size": 3}, "With 4 widths and patches of 3, image_size must be a multiple of 24, but is 64"),
        ({"conditioning": "everywhere"}, "conditioning must be one of input, blocks"),
        ({"skips": "none"}, "skips must be one of concatenated, added"),
        ({"num_classes": -1, "conditioning": "blocks"}, "num_classes must be at least 0"),
        ({"num_classes": 2}, "hears them in its blocks: set conditioning to 'blocks'"),
        ({"normalization": "group", "widths": (8, 12)}, "Group normalization needs widths"),
        ({"normalization": "group", "embedding_size": 4}, "Group normalization needs widths and embedding_size"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_with_what_would_be_right(options, message):
    with pytest.raises(ValueError, match=message):
        UNetConfig(**options)
