"""The network: a small U-Net that looks at noisy pictures and their noise variance, and says what in them is noise.

Keras is imported where a network is built, so that a configuration costs nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ddim.configuration import check_choices
from ddim.errors import UserError

if TYPE_CHECKING:
    import keras

Normalization = Literal["batch", "group", "layer", "none"]
Activation = Literal["swish", "gelu", "mish", "relu"]
Upsampling = Literal["bilinear", "nearest", "transposed"]
Precision = Literal["float32", "bfloat16", "mixed_bfloat16", "mixed_float16"]
BatchNormalization = Literal["plain", "fused", "synchronized", "folded"]

Tensor = Any

NORMALIZATION_GROUPS = 8
ATTENTION_HEAD_SIZE = 32


@dataclass(frozen=True)
class UNetConfig:
    """Everything that decides the shape of the network; the defaults are the tutorial's, with 1.95 M parameters.

    Attributes:
        image_size: Height and width of the pictures in pixels.
        widths: Channels of each level, from the full resolution down; the last level is the middle.
        block_depth: Residual blocks per level, on the way down and again on the way up.
        embedding_size: How many numbers, half sines and half cosines, tell the network the noise variance.
        embedding_max_frequency: The fastest of these waves; the slowest has frequency 1.
        normalization: What comes before the convolutions of a block; "group" has 8 groups.
        activation: What comes between the two convolutions of a block.
        upsampling: How a level grows to the size of the next.
        attention_levels: How many levels, counted from the lowest resolution, attend to themselves after each block.
        residual_scaling: Multiply every residual sum by 1/sqrt(2), which keeps its variance.
    """

    image_size: int = 64
    widths: tuple[int, ...] = (32, 64, 96, 128)
    block_depth: int = 2
    embedding_size: int = 32
    embedding_max_frequency: float = 1000.0
    normalization: Normalization = "batch"
    activation: Activation = "swish"
    upsampling: Upsampling = "bilinear"
    attention_levels: int = 0
    residual_scaling: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON has lists
        check_choices(self)
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise UserError(f"widths must be two or more positive numbers, but are {self.widths}.")
        if self.block_depth < 1:
            raise UserError(f"block_depth must be at least 1, but is {self.block_depth}.")
        factor = 2 ** (len(self.widths) - 1)
        if self.image_size < factor or self.image_size % factor:
            raise UserError(
                f"With {len(self.widths)} widths, image_size must be a multiple of {factor}, but is {self.image_size}."
            )
        if self.embedding_size < 2 or self.embedding_size % 2:
            raise UserError(f"embedding_size must be even and at least 2, but is {self.embedding_size}.")
        if self.embedding_max_frequency <= 1:
            raise UserError(f"embedding_max_frequency must be above 1, but is {self.embedding_max_frequency}.")
        if not 0 <= self.attention_levels <= len(self.widths):
            raise UserError(f"attention_levels must be from 0 to {len(self.widths)}, but is {self.attention_levels}.")
        channels = (*self.widths, self.embedding_size)
        if self.normalization == "group" and any(number % NORMALIZATION_GROUPS for number in channels):
            raise UserError(f"Group normalization needs widths and embedding_size divisible by {NORMALIZATION_GROUPS}.")


def build_unet(
    config: UNetConfig, precision: Precision = "float32", batch_normalization: BatchNormalization = "plain"
) -> "keras.Model":
    """A network from noisy pictures (B, S, S, 3) and noise variances (B,), float32, to outputs (B, S, S, 3), float32.

    `precision` is a Keras dtype policy: the mixed ones keep the weights in float32, for training. Where the network has
    batch normalization it is Keras' own, or "fused" for learning on TensorFlow (layers.py), "synchronized"
    to see the whole batch when several devices share it, or "folded" down to its means (folding.py).
    """
    import keras
    from keras import layers

    from ddim.model.layers import NoiseEmbedding

    block = _block_builder(config, precision, batch_normalization)
    noisy_images = keras.Input((config.image_size, config.image_size, 3), dtype="float32", name="noisy_images")
    noise_variances = keras.Input((), dtype="float32", name="noise_variances")

    embedding = NoiseEmbedding(config.image_size, config.embedding_size, config.embedding_max_frequency)
    features = layers.Conv2D(config.widths[0], 1, dtype=precision)(noisy_images)
    features = layers.Concatenate(dtype=precision)([features, embedding(noise_variances)])

    # Down: every block's output is kept for the way up.
    skips = []
    last = len(config.widths) - 1
    for level, width in enumerate(config.widths):
        for _ in range(config.block_depth):
            features = block(features, width, attention=last - level < config.attention_levels)
            skips.append(features)
        if level < last:
            features = layers.AveragePooling2D(2, dtype=precision)(features)
    del skips[-config.block_depth :]  # the middle goes straight on

    # Up.
    for level, width in reversed(list(enumerate(config.widths[:-1]))):
        features = _upsample(features, config.upsampling, precision)
        for _ in range(config.block_depth):
            features = layers.Concatenate(dtype=precision)([features, skips.pop()])
            features = block(features, width, attention=last - level < config.attention_levels)

    # Zero at first: the untrained network predicts the mean of the noise, and from there learning is steady.
    outputs = layers.Conv2D(3, 1, kernel_initializer="zeros", dtype="float32")(features)
    return keras.Model([noisy_images, noise_variances], outputs)


def _block_builder(
    config: UNetConfig, precision: Precision, batch_normalization: BatchNormalization
) -> Callable[..., Tensor]:
    from keras import layers

    from ddim.model.layers import FusedBatchNormalization, MeanSubtraction

    def normalize(features: Tensor) -> Tensor:
        # No centre or scale of its own: a convolution follows.
        match config.normalization:
            case "batch" if batch_normalization == "folded":
                layer = MeanSubtraction(dtype=precision)
            case "batch":
                kind = FusedBatchNormalization if batch_normalization == "fused" else layers.BatchNormalization
                synchronized = batch_normalization == "synchronized"
                layer = kind(center=False, scale=False, synchronized=synchronized, dtype=precision)
            case "group":
                layer = layers.GroupNormalization(NORMALIZATION_GROUPS, center=False, scale=False, dtype=precision)
            case "layer":
                layer = layers.LayerNormalization(center=False, scale=False, dtype=precision)
            case "none":
                layer = layers.Identity(dtype=precision)
        return layer(features)

    def residual_sum(features: Tensor, change: Tensor) -> Tensor:
        total = layers.Add(dtype=precision)([features, change])
        return layers.Rescaling(math.sqrt(1 / 2), dtype=precision)(total) if config.residual_scaling else total

    def attend(features: Tensor) -> Tensor:
        height, width, channels = features.shape[1:]
        positions = layers.Reshape((height * width, channels), dtype=precision)(normalize(features))
        heads = max(1, channels // ATTENTION_HEAD_SIZE)
        attention = layers.MultiHeadAttention(heads, key_dim=channels // heads, dtype=precision)
        change = layers.Reshape((height, width, channels), dtype=precision)(attention(positions, positions))
        return residual_sum(features, change)

    def block(features: Tensor, width: int, attention: bool) -> Tensor:
        shortcut = features
        if features.shape[-1] != width:
            shortcut = layers.Conv2D(width, 1, dtype=precision)(features)
        change = normalize(features)
        change = layers.Conv2D(width, 3, padding="same", activation=config.activation, dtype=precision)(change)
        change = layers.Conv2D(width, 3, padding="same", dtype=precision)(change)
        features = residual_sum(shortcut, change)
        return attend(features) if attention else features

    return block


def _upsample(features: Tensor, upsampling: Upsampling, precision: Precision) -> Tensor:
    from keras import layers

    if upsampling == "transposed":
        width = features.shape[-1]
        return layers.Conv2DTranspose(width, 4, strides=2, padding="same", dtype=precision)(features)
    return layers.UpSampling2D(2, interpolation=upsampling, dtype=precision)(features)
