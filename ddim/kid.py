"""Kernel Inception Distance between real and generated pictures (Binkowski et al. 2018, 1801.01401).

An Inception network turns pictures into features; KID is the squared maximum mean discrepancy (MMD) of the two sets of
features. Its value hangs on the encoder, its block and the protocol, so each of them has a name for whoever prints it.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras

BLOCKS = tuple(f"mixed{number}" for number in range(11))
ENCODER_SIZE = 75
WEIGHTS_VARIABLE = "DDIM_INCEPTION_WEIGHTS"
BATCH_SIZE = 64
NUM_SUBSETS = 50
MAX_SUBSET_SIZE = 1000


class KID(NamedTuple):
    """Mean and standard deviation of KID over batches or subsets, and in words, which these were.

    The deviation is that of one batch or subset, and no standard error of the mean.
    """

    mean: float
    std: float
    protocol: str


class InceptionEncoder:
    """InceptionV3 up to a block, whose global average is the feature of a picture.

    `block` is one of mixed0 to mixed10: the last has 2048 numbers a picture; mixed5 (768) costs less. The weights are
    the file at `weights_path`, or the one that the variable DDIM_INCEPTION_WEIGHTS names, or Keras' download of those
    trained on ImageNet. `protocol` tells encoders apart: "InceptionV3 mixed5 at 75 pixels, encoder 0123abcd", where the
    end is the SHA-256 of the weights in use, whatever file they came from.

    Raises ValueError for an unknown block, and OSError where no weights can be had.
    """

    def __init__(self, block: str = "mixed10", weights_path: str | Path | None = None):
        if block not in BLOCKS:
            raise ValueError(f"KID knows the InceptionV3 blocks {BLOCKS[0]} to {BLOCKS[-1]}, but not {block!r}.")
        import keras  # where an encoder is built, so that estimating costs nothing

        inception = load_inception(weights_path or os.environ.get(WEIGHTS_VARIABLE))
        blocks = keras.Model(inception.input, inception.get_layer(block).output)

        images = keras.Input((None, None, 3), dtype="uint8")
        pixels = keras.ops.image.resize(
            keras.ops.cast(images, "float32"), (ENCODER_SIZE, ENCODER_SIZE), interpolation="bilinear", antialias=False
        )
        features = keras.layers.GlobalAveragePooling2D()(blocks(pixels / 127.5 - 1))
        self.network = keras.Model(images, features)

        checksum = hashlib.sha256()
        for weight in blocks.get_weights():
            checksum.update(weight.tobytes())
        self.protocol = f"InceptionV3 {block} at {ENCODER_SIZE} pixels, encoder {checksum.hexdigest()[:8]}"

    def features(self, images: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, 3) uint8 of any size -> features (N, D) float32, D the width of the block.

        Only uint8 is taken, so that real and generated pictures are rounded alike.
        """
        if images.dtype != np.uint8:
            raise ValueError(f"The encoder takes pictures as uint8 between 0 and 255, but got {images.dtype}.")
        whole_batches = -(-len(images) // BATCH_SIZE) * BATCH_SIZE  # one shape, compiled once: the rest is cut off
        padded = np.resize(images, (whole_batches, *images.shape[1:]))
        return self.network.predict(padded, batch_size=BATCH_SIZE, verbose=0)[: len(images)]


def load_inception(weights_path: str | Path | None) -> "keras.Model":
    """InceptionV3 without top at 75 pixels, from a file or from Keras' download. Raises OSError if there is neither."""
    import keras

    if weights_path and not Path(weights_path).is_file():
        raise OSError(f"KID needs the weights of InceptionV3, but there is no file {weights_path}.")
    try:
        return keras.applications.InceptionV3(
            include_top=False, weights=weights_path or "imagenet", input_shape=(ENCODER_SIZE, ENCODER_SIZE, 3)
        )
    except Exception as error:  # a failed download raises a bare Exception, a wrong file a ValueError, OSError, ...
        if weights_path:
            message = f"{weights_path} does not hold the weights of InceptionV3 without top"
        else:
            message = (
                "KID needs the weights of InceptionV3, which cannot be downloaded: "
                f"give their file as --inception-weights or in {WEIGHTS_VARIABLE}"
            )
        raise OSError(f"{message} ({error}).") from error


def kid(real_features: np.ndarray, generated_features: np.ndarray) -> float:
    """The unbiased estimate of squared MMD between features (N, D) and (M, D) with kernel (x.y / D + 1)^3, in float64.

    Being unbiased it may come out below 0 for sets that are alike (1801.01401, Eq. 4). Raises ValueError for fewer than
    two pictures on a side, or features of different encoders.
    """
    if min(len(real_features), len(generated_features)) < 2:
        raise ValueError("KID needs at least two real and two generated pictures.")
    if real_features.shape[1] != generated_features.shape[1]:
        raise ValueError(
            f"KID compares features of one encoder, but these have {real_features.shape[1]} and "
            f"{generated_features.shape[1]} numbers a picture."
        )
    real, generated = real_features.astype(np.float64), generated_features.astype(np.float64)
    return float(mean_of_pairs(real) + mean_of_pairs(generated) - 2 * kernel(real, generated).mean())


def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The cubic kernel between all rows of (N, D) and (M, D) -> (N, M)."""
    base = left @ right.T / left.shape[1] + 1
    return base * base * base  # several times faster than NumPy's power


def mean_of_pairs(features: np.ndarray) -> np.floating:
    """The mean kernel over pairs of different rows: a row beside itself would bias it."""
    kernels, count = kernel(features, features), len(features)
    return (kernels.sum() - np.trace(kernels)) / (count * (count - 1))


def kid_of_batches(real_features: np.ndarray, generated_features: np.ndarray, seed: int = 0) -> KID:
    """The Keras tutorial's protocol: KID of each batch of 64 real and 64 generated pictures.

    Both sides are shuffled first, by `seed`: batches of pictures sorted by category would be compared with batches of
    all categories, which is far off. A rest that fills no batch is left out; fewer than 64 make one smaller batch.
    """
    generator = np.random.default_rng(seed)
    real, generated = generator.permutation(real_features), generator.permutation(generated_features)
    size = min(BATCH_SIZE, len(real), len(generated))
    count = max(1, min(len(real), len(generated)) // BATCH_SIZE)
    batches = [slice(index * size, (index + 1) * size) for index in range(count)]
    values = [kid(real[batch], generated[batch]) for batch in batches]
    return KID(float(np.mean(values)), float(np.std(values)), f"batches of {size}, mean of {count}")


def kid_of_subsets(real_features: np.ndarray, generated_features: np.ndarray, seed: int = 0) -> KID:
    """The protocol of the KID paper: KID of 50 random subsets of 1000, or of as many as both sides have.

    Each subset is drawn without replacement and anew, by `seed`. Subsets that are nearly the whole hardly differ, so
    their deviation is then too small to say anything.
    """
    size = min(MAX_SUBSET_SIZE, len(real_features), len(generated_features))
    generator = np.random.default_rng(seed)

    def subset(features: np.ndarray) -> np.ndarray:
        return features[generator.choice(len(features), size, replace=False)]

    values = [kid(subset(real_features), subset(generated_features)) for _ in range(NUM_SUBSETS)]
    return KID(float(np.mean(values)), float(np.std(values)), f"subsets of {size}, mean of {NUM_SUBSETS}")
