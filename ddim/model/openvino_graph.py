"""The network as a graph of OpenVINO, which on most processors runs it sooner than Keras does.

It is made of Keras' layers one by one, with channels before pixels, as OpenVINO has them: what it converts from
TensorFlow, with channels last, it runs more slowly.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import openvino
from openvino import opset13 as operations

from ddim.model.folding import can_fold
from ddim.model.unet import UNetConfig

Node = Any

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
CHANNELS, PIXELS = 1, (2, 3)  # axes, channels first
KEPT = 0  # in a shape
ACTIVATIONS: dict[str, Callable[[Node], Node]] = {
    "linear": lambda features: features,
    "silu": operations.swish,
    "gelu": lambda features: operations.gelu(features, "erf"),
    "mish": operations.mish,
    "relu": operations.relu,
}


def can_make_graph(config: UNetConfig) -> bool:
    """Whether all layers of such a network have a counterpart here."""
    return can_fold(config) and config.upsampling != "transposed"


def graph_of(config: UNetConfig, folded: keras.Model) -> openvino.Model:
    """The graph of a folded network, for any number of pictures; weights are float32.

    From noisy pictures (B, S, S, 3), the waves of their noise levels (B, embedding_size), as `waves_of` has them, and
    with classes class weights (B, num_classes), all float32, to outputs (B, S, S, 3).
    """
    size = config.image_size
    shapes = [(size, size, 3), (config.embedding_size,)] + ([(config.num_classes,)] if config.num_classes else [])
    inputs = [operations.parameter([-1, *shape], np.float32) for shape in shapes]
    noisy_images, *others = inputs
    images = operations.transpose(noisy_images, _integers(TO_CHANNELS_FIRST))
    # Keras' own way to call every layer in its turn, whatever stands for a tensor; clone_model does so too.
    outputs = folded._run_through_graph([images, *others], lambda layer: lambda *tensors: _add(layer, *tensors))
    return openvino.Model([operations.transpose(outputs, _integers(TO_CHANNELS_LAST))], inputs)


def _add(layer: keras.layers.Layer, features: Node, other: Node = None) -> Node:
    """The counterpart of a layer: features (B, C, H, W) where Keras has (B, H, W, C), (B, C, N) where it has (B, N, C).

    `features` are several for layers that bring these together; `other` is the second of two that differ in kind.
    """
    weights = [np.array(weight) for weight in layer.get_weights()]
    match type(layer).__name__:
        case "Conv2D":
            kernel, bias = weights
            margins = [kernel.shape[0] // 2] * 2
            kernel = _constant(kernel.transpose(3, 2, 0, 1))
            convolved = operations.convolution(features, kernel, [1, 1], margins, margins, [1, 1])
            return ACTIVATIONS[layer.activation.__name__](convolved + _constant(bias[:, None, None]))
        case "Dense":
            projected = operations.matmul(features, _constant(weights[0]), False, False)
            projected = projected + _constant(weights[1]) if layer.use_bias else projected
            return ACTIVATIONS[layer.activation.__name__](projected)
        case "Add":
            first, second = features
            return first + second
        case "Concatenate":
            return operations.concat(features, CHANNELS)
        case "Activation":
            return ACTIVATIONS[layer.activation.__name__](features)
        case "Rescaling":
            return features * _constant(layer.scale)
        case "MeanSubtraction":
            return features - _constant(weights[0][:, None, None])
        case "Modulation":
            pairs = operations.unsqueeze(other, _integers(PIXELS))
            scales, shifts = operations.split(pairs, _integers(CHANNELS), 2).outputs()
            return operations.add(operations.multiply(features, operations.add(scales, _constant(1))), shifts)
        case "AveragePooling2D":
            return operations.avg_pool(features, [2, 2], [0, 0], [0, 0], [2, 2], exclude_pad=True)
        case "UpSampling2D":
            return _upsampled(features, layer.interpolation)
        case "SpaceToDepth":
            return operations.space_to_depth(features, "blocks_first", layer.patch_size)
        case "DepthToSpace":
            return operations.depth_to_space(features, "blocks_first", layer.patch_size)
        case "Reshape":
            *pixels, channels = layer.target_shape
            return operations.reshape(features, _integers([KEPT, channels, *pixels]), special_zero=True)
        case "FusedAttention":
            return _attended(layer.num_heads, layer.key_dim, weights, features)
        case "NoiseEmbedding":
            pixels = operations.unsqueeze(features, _integers(PIXELS))
            return operations.broadcast(
                pixels, _integers([1, 1, *[layer.image_size] * 2]), broadcast_spec="BIDIRECTIONAL"
            )
        case "NoiseLevelEmbedding":  # comes from outside
            return features
        case _:
            raise NotImplementedError(f"A layer {type(layer).__name__} has no counterpart here.")


def _upsampled(features: Node, interpolation: str) -> Node:
    mode = "nearest" if interpolation == "nearest" else "linear_onnx"
    return operations.interpolate(
        features,
        _constant([2, 2]),
        mode,
        "scales",
        coordinate_transformation_mode="half_pixel",
        nearest_mode="round_prefer_floor",
        axes=_integers(PIXELS),
    )


def _attended(num_heads: int, head_size: int, weights: list[np.ndarray], features: Node) -> Node:
    """What FusedAttention makes of features (B, C, N)."""
    *projections, output_kernel, output_bias = weights
    channels, size = projections[0].shape[0], num_heads * head_size
    scale = head_size**-0.5
    projections[:2] = [scale * queries for queries in projections[:2]]
    kernel = np.concatenate([kernel.reshape(channels, size) for kernel in projections[::2]], axis=1)
    bias = np.concatenate([bias.reshape(size, 1) for bias in projections[1::2]])
    projected = operations.matmul(_constant(kernel.T), features, False, False) + _constant(bias)
    parts = operations.reshape(projected, _integers([KEPT, 3 * num_heads, head_size, -1]), special_zero=True)
    queries, keys, values = operations.split(parts, _integers(CHANNELS), 3).outputs()
    scores = operations.softmax(operations.matmul(queries, keys, True, False), axis=-1)
    attended = operations.matmul(values, scores, False, True)
    joined = operations.reshape(attended, _integers([KEPT, size, -1]), special_zero=True)
    outputs = operations.matmul(_constant(output_kernel.reshape(size, channels).T), joined, False, False)
    return outputs + _constant(output_bias[:, None])


def _constant(values: Any) -> Node:
    return operations.constant(np.ascontiguousarray(values, dtype=np.float32))


def _integers(values: Any) -> Node:
    return operations.constant(np.array(values, np.int64))
