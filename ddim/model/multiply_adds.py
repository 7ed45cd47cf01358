"""How much a network computes: multiply-adds a picture."""

import math
from typing import Any

import keras


def multiply_adds(network: keras.Model) -> int:
    """Multiplications of weights and of attention for one picture; additions, norms and activations do not count."""
    return sum(int(_of_layer(layer)) for layer in network.layers)


def _of_layer(layer: Any) -> Any:
    match layer:
        case keras.layers.Conv2DTranspose():  # each pixel that comes in paints a patch
            return math.prod(layer.input.shape[1:3]) * math.prod(layer.kernel.shape)
        case keras.layers.Conv2D():
            return math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
        case keras.layers.Dense():
            return math.prod(layer.kernel.shape)
        case keras.layers.MultiHeadAttention():
            positions, channels = layer.output.shape[1:]
            size = layer.num_heads * layer.key_dim
            projections = 4 * positions * channels * size
            return projections + 2 * positions**2 * size
    return 0
