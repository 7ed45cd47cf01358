"""The network: a small U-Net that looks at noisy pictures and their noise variance, and says what in them is noise.

Keras is imported where a network is built, so that a configuration costs nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ddim.configuration import Bounds, check_choices, check_numbers
from ddim.errors import UserError
from ddim.notation import briefly

if TYPE_CHECKING:
    import keras

Normalization = Literal["batch", "group", "layer", "none"]
Activation = Literal["swish", "gelu", "mish", "relu"]
Upsampling = Literal["bilinear", "nearest", "transposed"]
Precision = Literal["float32", "bfloat16", "mixed_bfloat16", "mixed_float16"]
Conditioning = Literal["input", "blocks"]
Skips = Literal["concatenated", "added"]
Form = Literal["plain", "fused", "synchronized", "folded"]

Tensor = Any

NORMALIZATION_GROUPS = 8
ATTENTION_HEAD_SIZE = 32
MAX_LEVELS = 12  # from 2048 pixels down to one


@dataclass(frozen=True)
class UNetConfig:
    """Everything that decides the shape of the network; the defaults are the tutorial's, with 1.95 M parameters.

    Attributes:
        image_size: Height and width of the pictures in pixels.
        widths: Channels of each level, from the full resolution down; the last level is the middle.
        block_depth: Residual blocks per level, on the way down and again on the way up.
        patch_size: 2 or more lets the network see patches of that many pixels across as one pixel with more channels.
        conditioning: How it hears the noise level: "input" as channels beside the picture, "blocks" as a scale and a
            shift in every residual block, made by a small network of its own.
        num_classes: How many classes it can be asked for, with conditioning "blocks"; 0 is none.
        embedding_size: How many numbers, half sines and half cosines, tell the network the noise level.
        embedding_max_frequency: The fastest of these waves; the slowest has frequency 1.
        normalization: What comes before the convolutions of a block; "group" has 8 groups.
        activation: What comes between the two convolutions of a block.
        skips: How a block on the way up gets what its twin on the way down saw: "concatenated" to its input, or "added"
            to it through a 1x1 convolution, which halves the work on the way up.
        upsampling: How a level grows to the size of the next.
        attention_levels: How many levels, counted from the lowest resolution, attend to themselves after each block.
        attention_once: Attend only after the last block of a level, on the way down and on the way up.
        residual_scaling: Multiply every residual sum by 1/sqrt(2), which keeps its variance.
    """

    image_size: Annotated[int, Bounds(at_least=1, at_most=2048)] = 64
    widths: Annotated[tuple[int, ...], Bounds(at_least=1, at_most=16384)] = (32, 64, 96, 128)
    block_depth: Annotated[int, Bounds(at_least=1, at_most=32)] = 2
    patch_size: Annotated[int, Bounds(at_least=1, at_most=64)] = 1
    conditioning: Conditioning = "input"
    num_classes: Annotated[int, Bounds(at_least=0, at_most=100_000)] = 0
    embedding_size: Annotated[int, Bounds(at_least=2, at_most=16384)] = 32
    embedding_max_frequency: Annotated[float, Bounds(above=1, at_most=1e6)] = 1000.0
    normalization: Normalization = "batch"
    activation: Activation = "swish"
    skips: Skips = "concatenated"
    upsampling: Upsampling = "bilinear"
    attention_levels: Annotated[int, Bounds(at_least=0, at_most=MAX_LEVELS)] = 0
    attention_once: bool = False
    residual_scaling: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON has lists
        check_choices(self)
        if not 2 <= len(self.widths) <= MAX_LEVELS:
            raise UserError(f"widths must be two to {MAX_LEVELS} numbers, but are {briefly(list(self.widths))}.")
        check_numbers(self)
        factor = self.patch_size * 2 ** (len(self.widths) - 1)
        if self.image_size < factor or self.image_size % factor:
            patches = f" and patches of {self.patch_size}" if self.patch_size > 1 else ""
            raise UserError(
                f"With {len(self.widths)} widths{patches}, image_size must be a multiple of {factor}, "
                f"but is {self.image_size}."
            )
        if self.num_classes and self.conditioning != "blocks":
            raise UserError("A network with classes hears them in its blocks: set conditioning to 'blocks'.")
        if self.embedding_size % 2:
            raise UserError(f"embedding_size must be even, but is {self.embedding_size}.")
        if self.attention_levels > len(self.widths):
            raise UserError(f"attention_levels must be from 0 to {len(self.widths)}, but is {self.attention_levels}.")
        channels = (*self.widths, self.embedding_size)
        if self.normalization == "group" and any(number % NORMALIZATION_GROUPS for number in channels):
            raise UserError(f"Group normalization needs widths and embedding_size divisible by {NORMALIZATION_GROUPS}.")

    def attends(self, level: int, index: int) -> bool:
        """Whether attention follows the block with this index in this level, down as well as up."""
        is_level = len(self.widths) - level <= self.attention_levels
        return is_level and (not self.attention_once or index == self.block_depth - 1)


def attention_heads(channels: int) -> tuple[int, int]:
    """How many heads attention over so many channels has, and how many channels each of them has."""
    heads = max(1, channels // ATTENTION_HEAD_SIZE)
    return heads, channels // heads


def build_unet(config: UNetConfig, precision: Precision = "float32", form: Form = "plain") -> "keras.Model":
    """A network from noisy pictures (B, S, S, 3) and noise variances (B,), float32, to outputs (B, S, S, 3), float32.

    With classes it has a third input, class weights (B, num_classes) float32: a row is one class, a mixture of
    several, or zeros for any.

    `precision` is a Keras dtype policy: the mixed ones keep the weights in float32, for training. The form "plain" is
    Keras' own layers, which is what is saved; the others take the same weights and are quicker (layers.py): "fused" for
    learning on TensorFlow, "synchronized" when several devices share a batch, whose normalization sees all of it, and
    "folded" for sampling, with no more of batch normalization than its means (folding.py).
    """
    import keras
    from keras import layers

    from ddim.model.layers import DepthToSpace, NoiseEmbedding, SpaceToDepth

    noisy_images = keras.Input((config.image_size, config.image_size, 3), dtype="float32", name="noisy_images")
    noise_variances = keras.Input((), dtype="float32", name="noise_variances")
    inputs = [noisy_images, noise_variances]
    if config.num_classes:
        inputs.append(keras.Input((config.num_classes,), dtype="float32", name="class_weights"))

    condition = _condition(config, *inputs[1:]) if config.conditioning == "blocks" else None
    block = _block_builder(config, precision, form, condition)

    # In: a convolution over patches reaches across their borders.
    features, kernel_size = noisy_images, 1
    if config.patch_size > 1:
        features, kernel_size = SpaceToDepth(config.patch_size, dtype=precision)(features), 3
    features = layers.Conv2D(config.widths[0], kernel_size, padding="same", dtype=precision)(features)
    if config.conditioning == "input":
        embedding = NoiseEmbedding(features.shape[1], config.embedding_size, config.embedding_max_frequency)
        features = layers.Concatenate(dtype=precision)([features, embedding(noise_variances)])

    # Down: every block's output is kept for the way up.
    skips = []
    last = len(config.widths) - 1
    for level in range(len(config.widths)):
        for index in range(config.block_depth):
            features = block(features, level, index)
            skips.append(features)
        if level < last:
            features = layers.AveragePooling2D(2, dtype=precision)(features)
    del skips[-config.block_depth :]  # the middle goes straight on

    # Up.
    for level in reversed(range(last)):
        width = config.widths[level]
        if config.skips == "added" and features.shape[-1] != width:
            features = layers.Conv2D(width, 1, dtype=precision)(features)  # before there are four times the pixels
        features = _upsample(features, config.upsampling, precision)
        for index in range(config.block_depth):
            if config.skips == "added":
                skip = layers.Conv2D(width, 1, dtype=precision)(skips.pop())
                features = layers.Add(dtype=precision)([features, skip])
            else:
                features = layers.Concatenate(dtype=precision)([features, skips.pop()])
            features = block(features, level, index)

    # Out. Zero at first: the untrained network predicts the mean of the noise, and from there learning is steady.
    channels = 3 * config.patch_size**2
    outputs = layers.Conv2D(channels, kernel_size, padding="same", kernel_initializer="zeros", dtype="float32")(
        features
    )
    if config.patch_size > 1:
        outputs = DepthToSpace(config.patch_size, dtype="float32")(outputs)
    return keras.Model(inputs, outputs)


def _condition(config: UNetConfig, noise_variances: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """What every block hears of noise level and class, (B, 4 widths[0]), as in DDPM (2006.11239); always float32."""
    from keras import layers

    from ddim.model.layers import NoiseLevelEmbedding

    size = 4 * config.widths[0]
    waves = NoiseLevelEmbedding(config.embedding_size, config.embedding_max_frequency)(noise_variances)
    condition = layers.Dense(size, activation=config.activation, dtype="float32")(waves)
    condition = layers.Dense(size, dtype="float32")(condition)
    if class_weights is not None:
        classes = layers.Dense(size, use_bias=False, kernel_initializer="random_normal", dtype="float32")(class_weights)
        condition = layers.Add(dtype="float32")([condition, classes])
    return layers.Activation(config.activation, dtype="float32")(condition)


def _block_builder(
    config: UNetConfig, precision: Precision, form: Form, condition: Tensor | None
) -> Callable[[Tensor, int, int], Tensor]:
    """A function that adds a residual block: from features, its level and its index in the level, to features."""
    from keras import layers

    from ddim.model.layers import FusedAttention, FusedBatchNormalization, MeanSubtraction, Modulation

    def normalize(features: Tensor) -> Tensor:
        # No centre or scale of its own: a convolution follows.
        match config.normalization:
            case "batch" if form == "folded":
                layer = MeanSubtraction(dtype=precision)
            case "batch":
                kind = FusedBatchNormalization if form == "fused" else layers.BatchNormalization
                layer = kind(center=False, scale=False, synchronized=form == "synchronized", dtype=precision)
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
        heads, head_size = attention_heads(channels)
        if form == "plain":
            attention = layers.MultiHeadAttention(heads, key_dim=head_size, dtype=precision)
            change = attention(positions, positions)
        else:
            change = FusedAttention(heads, key_dim=head_size, dtype=precision)(positions)
        return residual_sum(features, layers.Reshape((height, width, channels), dtype=precision)(change))

    def convolve(features: Tensor, width: int, **settings: Any) -> Tensor:
        return layers.Conv2D(width, 3, padding="same", dtype=precision, **settings)(features)

    def modulate(features: Tensor, width: int) -> Tensor:
        # Neither scaled nor shifted at first.
        scales_and_shifts = layers.Dense(2 * width, kernel_initializer="zeros", dtype="float32")(condition)
        return Modulation(dtype=precision)(features, scales_and_shifts)

    def change_of(features: Tensor, width: int) -> Tensor:
        features = normalize(features)
        if condition is None:
            return convolve(convolve(features, width, activation=config.activation), width)
        features = modulate(convolve(features, width), width)
        features = layers.Activation(config.activation, dtype=precision)(features)
        # Zero at first, so that a fresh block changes nothing: its input to the second convolution has no norm.
        return convolve(features, width, kernel_initializer="zeros")

    def block(features: Tensor, level: int, index: int) -> Tensor:
        width = config.widths[level]
        shortcut = features
        if features.shape[-1] != width:
            shortcut = layers.Conv2D(width, 1, dtype=precision)(features)
        features = residual_sum(shortcut, change_of(features, width))
        return attend(features) if config.attends(level, index) else features

    return block


def _upsample(features: Tensor, upsampling: Upsampling, precision: Precision) -> Tensor:
    from keras import layers

    if upsampling == "transposed":
        width = features.shape[-1]
        return layers.Conv2DTranspose(width, 4, strides=2, padding="same", dtype=precision)(features)
    # Keras clips what it interpolates to the range of a half, which it cannot leave: a twentieth of a training step.
    return layers.UpSampling2D(2, interpolation=upsampling, dtype="float32")(features)
