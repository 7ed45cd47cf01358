"""The network's own layers: how it is told the noise level, and two quicker forms of batch normalization."""

import math
from typing import Any

import keras
from keras import layers, ops

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
        frequencies = ops.exp(ops.linspace(0.0, math.log(self.max_frequency), self.size // 2))
        phases = 2 * math.pi * frequencies * ops.reshape(noise_variances, (-1, 1, 1, 1))
        waves = ops.concatenate([ops.sin(phases), ops.cos(phases)], axis=-1)
        return ops.broadcast_to(waves, (ops.shape(waves)[0], self.image_size, self.image_size, self.size))


class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' layer composes dozens of float32 operations on whole batches; this is one, in the batch's own precision.

    Means and variances are still float32. For features (B, H, W, C), without centre and scale.
    """

    def call(self, features: Tensor, training: bool | None = None) -> Tensor:
        """Features (B, H, W, C), normalized; in training this updates the moving averages too."""
        if not training:
            return super().call(features)
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
