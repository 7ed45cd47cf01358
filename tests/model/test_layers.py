import keras
import numpy as np
import pytest

from ddim.model.layers import DepthToSpace, FusedAttention, FusedBatchNormalization, NoiseLevelEmbedding, SpaceToDepth

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the operation is TensorFlow's")

FEATURES = np.random.default_rng(0).normal(3, 2, (4, 6, 6, 5)).astype(np.float32)
CHANGES = np.random.default_rng(1).normal(0, 1, FEATURES.shape).astype(np.float32)


def learned(kind, dtype):
    """Outputs of a first batch, gradients of its features, and the layer's averages afterwards."""
    import tensorflow as tf

    layer = kind(center=False, scale=False, momentum=0.7, dtype=dtype)
    features = tf.cast(FEATURES, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(features)
        outputs = layer(features, training=True)
    gradients = tape.gradient(outputs, features, tf.cast(CHANGES, outputs.dtype))
    assert outputs.dtype == gradients.dtype == layer.compute_dtype
    return np.float32(outputs), np.float32(gradients), *layer.get_weights()


@on_tensorflow
def test_one_operation_learns_as_keras_does():
    for ours, expected in zip(
        learned(FusedBatchNormalization, "float32"), learned(keras.layers.BatchNormalization, "float32"), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@on_tensorflow
@pytest.mark.parametrize(("dtype", "rounding"), [("mixed_bfloat16", 2**-8), ("mixed_float16", 2**-11)])
def test_half_precision_costs_one_rounding_and_averages_stay_exact(dtype, rounding):
    outputs, gradients, means, variances = learned(FusedBatchNormalization, dtype)
    exact_outputs, exact_gradients, exact_means, exact_variances = learned(keras.layers.BatchNormalization, "float32")
    np.testing.assert_allclose(outputs, exact_outputs, rtol=2 * rounding, atol=4 * rounding)
    np.testing.assert_allclose(gradients, exact_gradients, rtol=2 * rounding, atol=4 * rounding)
    np.testing.assert_allclose(means, exact_means, rtol=rounding)
    np.testing.assert_allclose(variances, exact_variances, rtol=rounding)


@on_tensorflow
def test_what_is_learned_is_used_afterwards():
    layer = FusedBatchNormalization(center=False, scale=False)
    layer.build(FEATURES.shape)
    layer.set_weights([np.full(5, 3, np.float32), np.full(5, 4, np.float32)])
    np.testing.assert_allclose(layer(FEATURES, training=False), (FEATURES - 3) / np.sqrt(4.001), rtol=1e-4, atol=1e-5)


@on_tensorflow
def test_what_is_not_trainable_is_kept_while_others_learn():
    layer = FusedBatchNormalization(center=False, scale=False)
    layer.trainable = False
    layer.build(FEATURES.shape)
    layer.set_weights([np.full(5, 3, np.float32), np.full(5, 4, np.float32)])
    np.testing.assert_allclose(layer(FEATURES, training=True), (FEATURES - 3) / np.sqrt(4.001), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.get_weights(), [np.full(5, 3), np.full(5, 4)])


def test_the_embedding_of_a_noise_level_is_finite_where_float32_rounds_it_to_all_or_nothing():
    waves = NoiseLevelEmbedding(8, max_frequency=4.0)(np.array([0, 1e-9, 1 - 1e-9, 1], np.float32))
    assert np.isfinite(waves).all()
    np.testing.assert_array_equal(waves[0], waves[1])
    np.testing.assert_array_equal(waves[2], waves[3])


def test_attention_in_few_operations_is_that_of_keras():
    features = np.random.default_rng(2).normal(size=(2, 9, 12)).astype(np.float32)
    expected = keras.layers.MultiHeadAttention(3, key_dim=4)
    expected.build(features.shape, features.shape)
    weights = [np.random.default_rng(3).normal(size=weight.shape).astype(np.float32) for weight in expected.weights]
    ours = FusedAttention(3, key_dim=4, dtype="float32")
    ours.build(features.shape)
    for layer in (expected, ours):
        layer.set_weights(weights)
    np.testing.assert_allclose(ours(features), expected(features, features), rtol=1e-4, atol=1e-4)


@on_tensorflow
def test_patches_are_those_of_tensorflow_and_come_back():
    import tensorflow as tf

    images = np.random.default_rng(4).normal(size=(2, 6, 6, 3)).astype(np.float32)
    patches = SpaceToDepth(2, dtype="float32")(images)
    np.testing.assert_array_equal(patches, tf.nn.space_to_depth(images, 2))
    np.testing.assert_array_equal(DepthToSpace(2, dtype="float32")(patches), images)
