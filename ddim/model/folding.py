"""Batch normalization of a trained network, folded into the convolutions after it: the same numbers, sooner."""

from itertools import chain

import keras
import numpy as np

from ddim.model.unet import Precision, UNetConfig, build_unet


def can_fold(config: UNetConfig) -> bool:
    """Whether there are normalizations that a division folds out of."""
    return config.normalization == "batch"


def fold_normalization(config: UNetConfig, network: keras.Model, precision: Precision) -> keras.Model:
    """A copy of the network for inference, in this precision, whose batch normalizations only subtract means.

    The zeros that pad a picture stand for means, so means cannot be folded; the division by the deviation can, into the
    kernels of the convolution or the attention that follows.
    """
    folded = build_unet(config, precision, "folded")
    scale = None
    for target, source in zip(_with_weights(folded), _with_weights(network), strict=True):
        weights = source.get_weights()
        if isinstance(source, keras.layers.BatchNormalization):
            mean, variance = weights
            scale = 1 / np.sqrt(variance + source.epsilon)
            weights = [mean]
        elif scale is not None and isinstance(source, keras.layers.MultiHeadAttention):
            *projections, output_kernel, output_bias = weights
            kernels = [kernel * scale[:, None, None] for kernel in projections[::2]]
            weights = [*chain(*zip(kernels, projections[1::2], strict=True)), output_kernel, output_bias]
            scale = None
        elif scale is not None and isinstance(source, keras.layers.Conv2D) and source.kernel_size == (3, 3):
            kernel, bias = weights
            weights = [kernel * scale[:, None], bias]
            scale = None
        target.set_weights(weights)
    return folded


def _with_weights(network: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if layer.weights]
