"""The network as a graph of OpenVINO, which on most processors runs it sooner than Keras does.

It is made of Keras' layers one by one, with channels before pixels, as OpenVINO has them: what it converts from
TensorFlow, with channels last, it runs more slowly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import openvino
from openvino import opset13 as operations

from ddim.model.folding import can_fold
from ddim.model.unet import UNetConfig

Node = Any

CHANNELS, PIXELS = 1, (2, 3)  # axes, channels first
SWAPPED_HEADS, SWAPPED_ROWS = (0, 2, 1, 3), (0, 1, 3, 2, 4)  # how axes are transposed
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


@dataclass(frozen=True, eq=False)  # opaque to Keras, which would look into a tuple
class Features:
    """A node of the graph, and what its numbers still lack: a constant for each channel.

    Biases and the means of normalization wait here until they can join a convolution, which adds them for nothing.
    """

    node: Node
    lacking: np.ndarray | float = 0.0

    def whole(self) -> Node:
        """The node with nothing lacking."""
        if not np.any(self.lacking):
            return self.node
        axes = [1] * (len(self.node.get_output_partial_shape(0)) - 2)
        return self.node + _constant(np.reshape(self.lacking, (-1, *axes)))


def graph_of(config: UNetConfig, folded: keras.Model) -> openvino.Model:
    """The graph of a folded network, for any number of pictures; weights are float32.

    From noisy pictures (B, S, S, 3), the waves of their noise levels (B, embedding_size), as `waves_of` has them, and
    with classes class weights (B, num_classes), all float32, to outputs (B, S, S, 3).
    """
    size = config.image_size
    shapes = [(size, size, 3), (config.embedding_size,)] + ([(config.num_classes,)] if config.num_classes else [])
    inputs = [operations.parameter([-1, *shape], np.float32) for shape in shapes]
    noisy_images, *others = inputs
    tensors = [Features(node) for node in (_channels_first(noisy_images), *others)]
    means = _means_ahead(folded)
    # Keras' own way to call every layer in its turn, whatever stands for a tensor; clone_model does so too.
    outputs = folded._run_through_graph(tensors, lambda layer: partial(_add, layer, means.get(layer.name, 0.0)))
    return openvino.Model([_channels_last(outputs.whole())], inputs)


def _means_ahead(folded: keras.Model) -> dict[str, np.ndarray]:
    """The means that are subtracted from what a layer says, by the name of the layer."""
    subtractions = [layer for layer in folded.layers if type(layer).__name__ == "MeanSubtraction"]
    return {layer.input._keras_history.operation.name: layer.get_weights()[0] for layer in subtractions}


def _add(layer: keras.layers.Layer, ahead: np.ndarray | float, features: Any, other: Any = None) -> Features:
    """The counterpart of a layer whose features have the means `ahead` subtracted from them afterwards.

    `features` are several for layers that bring these together; `other` is the second of two that differ in kind.
    """
    match type(layer).__name__:
        case "Conv2D":
            convolved = _convolved(layer, features)
            activate = ACTIVATIONS[layer.activation.__name__]
            return convolved if layer.activation.__name__ == "linear" else Features(activate(convolved.whole()))
        case "MeanSubtraction":
            return Features(features.node, features.lacking - layer.get_weights()[0])
        case "Add":
            first, second = features
            addend = Features(second.node, first.lacking + second.lacking - ahead)
            return Features(first.node + addend.whole(), ahead)
        case "Concatenate":
            lacking = [np.broadcast_to(part.lacking, _sides(part.node)[0]) for part in features]
            return Features(operations.concat([part.node for part in features], CHANNELS), np.concatenate(lacking))
        case "AveragePooling2D":
            halved = operations.avg_pool(features.node, [2, 2], [0, 0], [0, 0], [2, 2], exclude_pad=True)
            return Features(halved, features.lacking)
        case "UpSampling2D":
            return Features(_upsampled(features.node, layer.interpolation), features.lacking)
        case _:
            return Features(_counterpart(layer, features.whole(), other and other.whole()))


def _convolved(layer: keras.layers.Conv2D, features: Features) -> Features:
    kernel, bias = layer.get_weights()
    if kernel.shape[:2] == (1, 1):
        node, bias = features.node, bias + np.broadcast_to(features.lacking, kernel.shape[2]) @ kernel[0, 0]
    else:  # which pads with zeros, so nothing may lack
        node = features.whole()
    margins = [kernel.shape[0] // 2] * 2
    return Features(
        operations.convolution(node, _constant(kernel.transpose(3, 2, 0, 1)), [1, 1], margins, margins, [1, 1]), bias
    )


def _counterpart(layer: keras.layers.Layer, features: Node, other: Node = None) -> Node:
    """Of a layer: features (B, C, H, W) where Keras has (B, H, W, C), (B, C, N) where it has (B, N, C)."""
    weights = layer.get_weights()
    match type(layer).__name__:
        case "Dense":
            projected = operations.matmul(features, _constant(weights[0]), False, False)
            projected = projected + _constant(weights[1]) if layer.use_bias else projected
            return ACTIVATIONS[layer.activation.__name__](projected)
        case "Activation":
            return ACTIVATIONS[layer.activation.__name__](features)
        case "Rescaling":
            return features * _constant(layer.scale)
        case "Modulation":
            pairs = operations.unsqueeze(other, _integers(PIXELS))
            scales, shifts = operations.split(pairs, _integers(CHANNELS), 2).outputs()
            return operations.add(operations.multiply(features, operations.add(scales, _constant(1))), shifts)
        case "SpaceToDepth":
            return _patches(features, layer.patch_size)
        case "DepthToSpace":
            return _pixels(features, layer.patch_size)
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


def _patches(images: Node, size: int) -> Node:
    """What SpaceToDepth makes of pictures (B, C, H, W)."""
    channels, height, width = _sides(images)
    shape = [KEPT, height // size, size, width // size, size * channels]
    rows = operations.reshape(_channels_last(images), _integers(shape), special_zero=True)
    patches = operations.transpose(rows, _integers(SWAPPED_ROWS))
    shape = [KEPT, height // size, width // size, size * size * channels]
    return _channels_first(operations.reshape(patches, _integers(shape), special_zero=True))


def _pixels(patches: Node, size: int) -> Node:
    """What DepthToSpace makes of patches (B, p p C, H, W)."""
    channels, height, width = _sides(patches)
    shape = [KEPT, height, width, size, channels // size]
    columns = operations.reshape(_channels_last(patches), _integers(shape), special_zero=True)
    rows = operations.transpose(columns, _integers(SWAPPED_ROWS))
    shape = [KEPT, height * size, width * size, channels // size**2]
    return _channels_first(operations.reshape(rows, _integers(shape), special_zero=True))


def _sides(features: Node) -> list[int]:
    """C, H and W of features (B, C, H, W)."""
    return [side.get_length() for side in list(features.get_output_partial_shape(0))[1:]]


def _channels_first(images: Node) -> Node:
    return operations.transpose(images, _integers((0, 3, 1, 2)))


def _channels_last(features: Node) -> Node:
    return operations.transpose(features, _integers((0, 2, 3, 1)))


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
    kernel = np.concatenate([kernel.reshape(channels, size) for kernel in projections[::2]], axis=1)
    bias = np.concatenate([bias.reshape(size) for bias in projections[1::2]])
    # Channels are last here: a product with constant weights is quick only where these come second.
    projected = operations.matmul(_swapped(features), _constant(kernel), False, False) + _constant(bias)
    parts = operations.reshape(projected, _integers([KEPT, KEPT, 3 * num_heads, head_size]), special_zero=True)
    heads = operations.transpose(parts, _integers(SWAPPED_HEADS))
    queries, keys, values = operations.split(heads, _integers(CHANNELS), 3).outputs()
    attended = operations.scaled_dot_product_attention(queries, keys, values)
    attended = operations.transpose(attended, _integers(SWAPPED_HEADS))
    joined = operations.reshape(attended, _integers([KEPT, KEPT, size]), special_zero=True)
    outputs = operations.matmul(joined, _constant(output_kernel.reshape(size, channels)), False, False)
    return _swapped(outputs + _constant(output_bias))


def _swapped(features: Node) -> Node:
    """(B, C, N) -> (B, N, C), or back."""
    return operations.transpose(features, _integers((0, 2, 1)))


def _constant(values: Any) -> Node:
    return operations.constant(np.ascontiguousarray(values, dtype=np.float32))


def _integers(values: Any) -> Node:
    return operations.constant(np.array(values, np.int64))
