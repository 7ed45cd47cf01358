"""How large a network is, by its configuration alone: nothing is built, so that what is too large never is."""

from collections.abc import Iterator
from typing import NamedTuple

from ddim.model.unet import UNetConfig, attention_heads

BYTES = 4  # of a float32
COPIES = 6  # of the weights: as they learn, gradients, two moments, an average, and the model that is measured


def num_weights(config: UNetConfig) -> int:
    """The weights of the network that `build_unet` makes of this, means and variances of normalization included."""
    return sum(layer.weights for layer in _layers(config))


def output_bytes(config: UNetConfig, batch_size: int) -> int:
    """The memory for all that layers put out for a batch, in float32; to draw takes only a part of it at a time."""
    return BYTES * batch_size * sum(layer.outputs for layer in _layers(config))


def training_bytes(config: UNetConfig, batch_size: int) -> int:
    """About the memory that it takes to learn from a batch in float32.

    What is put out stays until gradients have passed it: TensorFlow took 70 to 100 % of that where it was measured.
    """
    return output_bytes(config, batch_size) + BYTES * COPIES * num_weights(config)


class _Layer(NamedTuple):
    """A layer by its number of weights, and of numbers that it puts out for one picture."""

    weights: int
    outputs: int


def _convolution(channels: int, filters: int, kernel_size: int, side: int) -> _Layer:
    return _Layer(kernel_size**2 * channels * filters + filters, side**2 * filters)


def _dense(channels: int, units: int) -> _Layer:
    return _convolution(channels, units, 1, 1)


def _without_weights(channels: int, side: int) -> _Layer:
    return _Layer(0, side**2 * channels)


def _layers(config: UNetConfig) -> Iterator[_Layer]:
    """Layer by layer what `build_unet` builds; `side` is how many pixels its pictures have across."""
    side, last = config.image_size // config.patch_size, len(config.widths) - 1
    channels, pixel, kernel_size = config.widths[0], 3 * config.patch_size**2, 3 if config.patch_size > 1 else 1

    if config.conditioning == "blocks":
        yield from _condition(config)
    yield _convolution(pixel, channels, kernel_size, side)
    if config.conditioning == "input":
        channels += config.embedding_size
        yield _without_weights(config.embedding_size, side)
        yield _without_weights(channels, side)

    for level, width in enumerate(config.widths):
        for index in range(config.block_depth):
            yield from _block(config, channels, level, index)
            channels = width
        if level < last:
            yield _without_weights(channels, side >> level + 1)

    for level in reversed(range(last)):
        width, level_side = config.widths[level], side >> level
        if config.skips == "added" and channels != width:
            yield _convolution(channels, width, 1, level_side // 2)
            channels = width
        if config.upsampling == "transposed":
            yield _convolution(channels, channels, 4, level_side)
        else:
            yield _without_weights(channels, level_side)
        for index in range(config.block_depth):
            if config.skips == "added":
                yield _convolution(width, width, 1, level_side)
            else:
                channels += width
            yield _without_weights(channels, level_side)
            yield from _block(config, channels, level, index)
            channels = width

    yield _convolution(channels, pixel, kernel_size, side)


def _condition(config: UNetConfig) -> Iterator[_Layer]:
    size = 4 * config.widths[0]
    yield _dense(config.embedding_size, size)
    yield _dense(size, size)
    yield _Layer(config.num_classes * size, size if config.num_classes else 0)


def _block(config: UNetConfig, channels: int, level: int, index: int) -> Iterator[_Layer]:
    """A residual block that gets so many channels."""
    width, side = config.widths[level], config.image_size // config.patch_size >> level
    if channels != width:
        yield _convolution(channels, width, 1, side)
    yield _normalization(config, channels, side)
    yield _convolution(channels, width, 3, side)
    if config.conditioning == "blocks":
        yield _dense(4 * config.widths[0], 2 * width)
        yield _without_weights(width, side)
    yield _without_weights(width, side)  # activation
    yield _convolution(width, width, 3, side)
    yield _without_weights(width, side)  # sum
    if config.attends(level, index):
        yield from _attention(config, width, side)


def _normalization(config: UNetConfig, channels: int, side: int) -> _Layer:
    return _Layer(2 * channels if config.normalization == "batch" else 0, side**2 * channels)


def _attention(config: UNetConfig, channels: int, side: int) -> Iterator[_Layer]:
    heads, head_size = attention_heads(channels)
    yield _normalization(config, channels, side)
    for _ in ("queries", "keys", "values"):
        yield _convolution(channels, heads * head_size, 1, side)
    yield _Layer(0, 2 * heads * side**4)  # how much each position takes from each, before and after the softmax
    yield _convolution(heads * head_size, channels, 1, side)
    yield _without_weights(channels, side)  # sum
