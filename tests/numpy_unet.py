"""The network once more, in NumPy and float64: what the Keras network is compared with."""

import math

import numpy as np


def random_weights(network, seed=0):
    """Weights for a Keras network under which every part of it matters; as built, its last convolution is zero."""
    generator = np.random.default_rng(seed)

    def random(weight):
        if weight.path.endswith("variance"):
            return generator.uniform(0.5, 2, weight.shape)
        return generator.normal(size=weight.shape) / math.sqrt(math.prod(weight.shape[:-1]))

    return [random(weight) for weight in network.weights]


def numpy_unet(config, weights, noisy_images, noise_variances, class_weights=None):
    """Outputs (B, S, S, 3) float64 for the weights of a Keras network in the order of its `get_weights()`."""
    weights = iter([np.asarray(weight, np.float64) for weight in weights])
    last = len(config.widths) - 1
    activation = ACTIVATIONS[config.activation]
    condition = None

    def dense(features):
        return features @ next(weights) + next(weights)

    def convolution(features):
        kernel, bias = next(weights), next(weights)
        return convolve(features, kernel) + bias

    def normalize(features):
        if config.normalization == "batch":
            mean, variance = next(weights), next(weights)
            return (features - mean) / np.sqrt(variance + 1e-3)
        if config.normalization == "group":
            groups = features.reshape(*features.shape[:3], 8, -1)
            return standardize(groups, axes=(1, 2, 4)).reshape(features.shape)
        return standardize(features, axes=(3,)) if config.normalization == "layer" else features

    def residual_sum(features, change):
        return (features + change) * (math.sqrt(1 / 2) if config.residual_scaling else 1)

    def attend(features):
        positions = normalize(features).reshape(len(features), -1, features.shape[-1])
        queries, keys, values = (
            np.einsum("bpc,chd->bhpd", positions, next(weights)) + next(weights)[:, np.newaxis] for _ in range(3)
        )
        scores = np.exp(queries @ keys.swapaxes(2, 3) / math.sqrt(queries.shape[-1]))
        attended = scores / scores.sum(axis=-1, keepdims=True) @ values
        change = np.einsum("bhpd,hdc->bpc", attended, next(weights)) + next(weights)
        return residual_sum(features, change.reshape(features.shape))

    def block(features, level, index):
        change = convolution(normalize(features))
        if condition is not None:
            scales, shifts = np.split(dense(condition)[:, np.newaxis, np.newaxis], 2, axis=-1)
            change = (1 + scales) * change + shifts
        shortcut = features if features.shape[-1] == config.widths[level] else convolution(features)
        features = residual_sum(shortcut, convolution(activation(change)))
        attends = last - level < config.attention_levels
        if config.attention_once and index < config.block_depth - 1:
            attends = False
        return attend(features) if attends else features

    def upsample(features):
        if config.upsampling == "transposed":
            kernel, bias = next(weights), next(weights)
            return convolve_transposed(features, kernel) + bias
        return bilinear(features) if config.upsampling == "bilinear" else features.repeat(2, axis=1).repeat(2, axis=2)

    patches = to_patches(noisy_images.astype(np.float64), config.patch_size)
    if config.conditioning == "blocks":
        variances = np.asarray(noise_variances, np.float64)
        log_ratios = np.log(np.sqrt(variances / (1 - variances)))
        waves = numpy_waves(log_ratios / 4, config.embedding_size, config.embedding_max_frequency)
        hidden = activation(dense(waves))
        if class_weights is None:  # Keras has the weights in another order then
            features = convolution(patches)
            condition = activation(dense(hidden))
        else:
            condition = activation(dense(hidden) + class_weights @ next(weights))
            features = convolution(patches)
    else:
        features = convolution(patches)
        waves = numpy_waves(noise_variances, config.embedding_size, config.embedding_max_frequency)
        embedding = np.broadcast_to(waves[:, np.newaxis, np.newaxis], (*features.shape[:3], config.embedding_size))
        features = np.concatenate([features, embedding], axis=-1)
    skips = []
    for level in range(last):
        for index in range(config.block_depth):
            features = block(features, level, index)
            skips.append(features)
        features = (features[:, ::2] + features[:, 1::2]) / 2
        features = (features[:, :, ::2] + features[:, :, 1::2]) / 2
    for index in range(config.block_depth):
        features = block(features, last, index)
    for level in reversed(range(last)):
        if config.skips == "added":
            features = convolution(features) if features.shape[-1] != config.widths[level] else features
        features = upsample(features)
        for index in range(config.block_depth):
            if config.skips == "added":
                features = features + convolution(skips.pop())
            else:
                features = np.concatenate([features, skips.pop()], axis=-1)
            features = block(features, level, index)
    outputs = from_patches(convolution(features), config.patch_size)
    assert next(weights, None) is None, "The network has weights that the configuration does not explain."
    return outputs


def numpy_waves(numbers, size, max_frequency):
    """The embedding (B, size) float64 of numbers (B,)."""
    frequencies = max_frequency ** np.linspace(0, 1, size // 2)
    phases = 2 * np.pi * np.outer(np.asarray(numbers, np.float64), frequencies)
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1)


def to_patches(images, size):
    """Each patch of size x size pixels as one pixel, its pixels row by row."""
    return np.concatenate(
        [images[:, row::size, column::size] for row in range(size) for column in range(size)], axis=-1
    )


def from_patches(patches, size):
    batch, height, width, channels = patches.shape
    images = np.empty((batch, height * size, width * size, channels // size**2))
    for part, pixels in enumerate(np.split(patches, size**2, axis=-1)):
        images[:, part // size :: size, part % size :: size] = pixels
    return images


def convolve(features, kernel):
    height, width = features.shape[1:3]
    margin = len(kernel) // 2
    padded = np.pad(features, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    return sum(
        padded[:, row : row + height, column : column + width] @ kernel[row, column]
        for row in range(len(kernel))
        for column in range(len(kernel))
    )


def convolve_transposed(features, kernel):
    """Each pixel paints a 4x4 patch, two pixels from patch to patch; one pixel of margin is cut away."""
    batch, height, width, channels = features.shape
    painted = np.zeros((batch, 2 * height + 2, 2 * width + 2, channels))
    for row in range(4):
        for column in range(4):
            patch = features @ kernel[row, column].T
            painted[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += patch
    return painted[:, 1:-1, 1:-1]


def bilinear(features):
    """Twice the size, with half-pixel centres: each new pixel is 3/4 of the nearest and 1/4 of the next."""
    for axis in (1, 2):
        lines = np.moveaxis(features, axis, 0)
        before, after = np.concatenate([lines[:1], lines[:-1]]), np.concatenate([lines[1:], lines[-1:]])
        lines = np.stack([(before + 3 * lines) / 4, (3 * lines + after) / 4], axis=1)
        features = np.moveaxis(lines.reshape(-1, *lines.shape[2:]), 0, axis)
    return features


def standardize(features, axes):
    deviations = features - features.mean(axis=axes, keepdims=True)
    return deviations / np.sqrt(np.square(deviations).mean(axis=axes, keepdims=True) + 1e-3)


ACTIVATIONS = {
    "swish": lambda features: features / (1 + np.exp(-features)),
    "gelu": lambda features: features * (1 + np.vectorize(math.erf)(features / math.sqrt(2))) / 2,
    "mish": lambda features: features * np.tanh(np.log1p(np.exp(features))),
    "relu": lambda features: np.maximum(features, 0),
}
