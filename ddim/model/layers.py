"""The network's own layers: how it is told the noise level, patches, and quicker forms of layers that Keras has."""

from typing import Any

import keras
from keras import layers, ops

from ddim.model.waves import angular_frequencies

Tensor = Any


class NoiseEmbedding(layers.Layer):
    """Noise variances v (B,) -> (B, S, S, size): sin and cos of 2 pi f v for geometric frequencies f, the same at
    every pixel, after Attention Is All You Need (1706.03762), section 3.5.

    Always float32, whatever the policy: at f = 1000 the phase passes 6000 radians, where bfloat16 has no decimals.
    """

    def __init__(self, image_size: int, size: int, max_frequency: float):
        super().__init__(dtype="float32")
        self.image_size = image_size
        self.size = size
        self.max_frequency = max_frequency

    def call(self, noise_variances: Tensor) -> Tensor:
        """Noise variances (B,) -> (B, S, S, size) float32."""
        waves = _waves(noise_variances, self.size, self.max_frequency)[:, None, None]
        return ops.broadcast_to(waves, (ops.shape(waves)[0], self.image_size, self.image_size, self.size))


class NoiseLevelEmbedding(layers.Layer):
    """Noise variances v (B,) -> (B, size): sin and cos of 2 pi f c for geometric frequencies f, where c is a quarter of
    the logarithm of noise rate over signal rate, as in EDM (2206.00364), table 1. Always float32.
    """

    def __init__(self, size: int, max_frequency: float):
        super().__init__(dtype="float32")
        self.size = size
        self.max_frequency = max_frequency

    def call(self, noise_variances: Tensor) -> Tensor:
        """Noise variances (B,) -> (B, size) float32."""
        variances = ops.clip(noise_variances, 1e-7, 1 - 1e-7)  # finite even where float32 rounds to 0 or 1
        log_ratios = (ops.log(variances) - ops.log1p(-variances)) / 2
        return _waves(log_ratios / 4, self.size, self.max_frequency)


def _waves(numbers: Tensor, size: int, max_frequency: float) -> Tensor:
    phases = angular_frequencies(size, max_frequency) * ops.reshape(numbers, (-1, 1))
    return ops.concatenate([ops.sin(phases), ops.cos(phases)], axis=-1)


class SpaceToDepth(layers.Layer):
    """Pictures (B, H, W, C) -> (B, H/p, W/p, p p C): each patch of p x p pixels becomes one with more channels."""

    def __init__(self, patch_size: int, dtype: str):
        super().__init__(dtype=dtype)
        self.patch_size = patch_size

    def call(self, images: Tensor) -> Tensor:
        """Pictures in fewer, deeper pixels."""
        _, height, width, channels = images.shape
        size = self.patch_size
        patches = ops.reshape(images, (-1, height // size, size, width // size, size, channels))
        rows = ops.transpose(patches, (0, 1, 3, 2, 4, 5))
        return ops.reshape(rows, (-1, height // size, width // size, size * size * channels))


class DepthToSpace(layers.Layer):
    """The inverse of SpaceToDepth."""

    def __init__(self, patch_size: int, dtype: str):
        super().__init__(dtype=dtype)
        self.patch_size = patch_size

    def call(self, patches: Tensor) -> Tensor:
        """Pictures in more, shallower pixels."""
        _, height, width, channels = patches.shape
        size = self.patch_size
        rows = ops.reshape(patches, (-1, height, width, size, size, channels // size**2))
        images = ops.transpose(rows, (0, 1, 3, 2, 4, 5))
        return ops.reshape(images, (-1, height * size, width * size, channels // size**2))


class Modulation(layers.Layer):
    """Features (B, H, W, C) and (B, 2 C) numbers -> features * (1 + scale) + shift, a pair for each channel (FiLM,
    1709.07871).
    """

    def call(self, features: Tensor, scales_and_shifts: Tensor) -> Tensor:
        """Features with the first C numbers as scales, the others as shifts."""
        scales, shifts = ops.split(scales_and_shifts[:, None, None], 2, axis=-1)
        return features * (1 + scales) + shifts


class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' layer composes dozens of float32 operations on whole batches; this is one, in the batch's own precision.

    Means and variances are still float32. For features (B, H, W, C), without centre and scale. Where it is not
    trainable, it keeps to its moving averages.
    """

    def call(self, features: Tensor, training: bool | None = None) -> Tensor:
        """Features (B, H, W, C), normalized; in training this updates the moving averages too."""
        if not training:
            return super().call(features)
        if not self.trainable:
            scale = ops.rsqrt(self.moving_variance + self.epsilon)
            return (features - ops.cast(self.moving_mean, features.dtype)) * ops.cast(scale, features.dtype)
        import tensorflow as tf

        outputs, means, variances, *_ = tf.raw_ops.FusedBatchNormV3(
            x=features,
            scale=tf.ones_like(self.moving_variance),
            offset=tf.zeros_like(self.moving_mean),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
        )
        # The operation returns the unbiased variance, while Keras averages that of the batch.
        count = tf.cast(tf.size(features) / features.shape[-1], tf.float32)
        self._average(self.moving_mean, means)
        self._average(self.moving_variance, variances * (1 - 1 / count))
        return outputs

    def _average(self, average: keras.Variable, batch: Tensor) -> None:
        average.assign(self.momentum * average + (1 - self.momentum) * batch)


class MeanSubtraction(layers.Layer):
    """What is left of batch normalization when the convolution after it has taken over the division."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Add the means (C,), zero at first."""
        self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="mean")

    def call(self, features: Tensor) -> Tensor:
        """Features (B, H, W, C) minus the means."""
        return features - self.mean


class FusedAttention(layers.Layer):
    """Keras' MultiHeadAttention of features with themselves, with the same weights, in fewer and larger operations.

    Attention Is All You Need (1706.03762), section 3.2; everything in the precision of the policy, softmax included.
    """

    def __init__(self, num_heads: int, key_dim: int, dtype: str):
        super().__init__(dtype=dtype)
        self.num_heads = num_heads
        self.key_dim = key_dim

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Add kernels and biases of queries, keys, values and outputs, in the order that Keras has them."""
        channels, heads = input_shape[-1], (self.num_heads, self.key_dim)
        self.projections = [
            (self.add_weight(shape=(channels, *heads), name=name), self.add_weight(shape=heads, initializer="zeros"))
            for name in ("query", "key", "value")
        ]
        self.output_kernel = self.add_weight(shape=(*heads, channels), name="output")
        self.output_bias = self.add_weight(shape=(channels,), initializer="zeros")

    def call(self, features: Tensor) -> Tensor:
        """Features (B, N, C) at N positions -> (B, N, C), at each position what it takes from all of them."""
        _, positions, channels = features.shape
        size = self.num_heads * self.key_dim
        kernel = ops.concatenate([ops.reshape(kernel, (channels, size)) for kernel, _ in self.projections], axis=1)
        bias = ops.concatenate([ops.reshape(bias, (size,)) for _, bias in self.projections])
        projected = ops.matmul(ops.reshape(features, (-1, channels)), kernel) + bias
        projected = ops.reshape(projected, (-1, positions, 3, self.num_heads, self.key_dim))
        queries, keys, values = ops.unstack(ops.transpose(projected, (2, 0, 3, 1, 4)))
        scores = ops.matmul(queries * self.key_dim**-0.5, ops.swapaxes(keys, 2, 3))
        attended = ops.transpose(ops.matmul(ops.softmax(scores), values), (0, 2, 1, 3))
        kernel = ops.reshape(self.output_kernel, (size, channels))
        outputs = ops.matmul(ops.reshape(attended, (-1, size)), kernel) + self.output_bias
        return ops.reshape(outputs, (-1, positions, channels))
