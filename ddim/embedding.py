"""How the network is told how much noise a picture holds."""

import math

from keras import layers, ops


class NoiseEmbedding(layers.Layer):
    """Noise variances v (B,) -> (B, S, S, size): sin and cos of 2 pi f v for geometric frequencies f, the same at
    every pixel, after Attention Is All You Need (1706.03762), section 3.5.

    Always float32, whatever the precision policy: at f = 1000 the phase passes 6000 radians, and bfloat16 would keep
    not one digit after its point.
    """

    def __init__(self, image_size: int, size: int, max_frequency: float):
        super().__init__(dtype="float32")
        self.image_size = image_size
        self.size = size
        self.max_frequency = max_frequency

    def call(self, noise_variances):
        frequencies = ops.exp(ops.linspace(0.0, math.log(self.max_frequency), self.size // 2))
        phases = 2 * math.pi * frequencies * ops.reshape(noise_variances, (-1, 1, 1, 1))
        waves = ops.concatenate([ops.sin(phases), ops.cos(phases)], axis=-1)
        return ops.broadcast_to(waves, (ops.shape(waves)[0], self.image_size, self.image_size, self.size))
