"""InceptionV3 as an encoder of pictures: what KID, precision and recall compare them by."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ddim.errors import UserError

if TYPE_CHECKING:
    import keras

BLOCKS = tuple(f"mixed{number}" for number in range(11))
ENCODER_SIZE = 75
WEIGHTS_VARIABLE = "DDIM_INCEPTION_WEIGHTS"
BATCH_SIZE = 64


class InceptionEncoder:
    """InceptionV3 up to a block, whose global average is the feature of a picture.

    `block` is one of mixed0 to mixed10: the last has 2048 numbers per picture; mixed5 (768) costs less. The weights are
    the file at `weights_path`, or the one that the variable DDIM_INCEPTION_WEIGHTS names, or Keras' download of those
    trained on ImageNet. `protocol` tells encoders apart: "InceptionV3 mixed5 at 75 pixels, encoder 0123abcd", where the
    end is from the SHA-256 of the weights in use, whatever file they came from.

    Raises UserError for an unknown block, and OSError if no weights can be found.
    """

    def __init__(self, block: str = "mixed10", weights_path: str | Path | None = None):
        if block not in BLOCKS:
            raise UserError(f"KID knows the InceptionV3 blocks {BLOCKS[0]} to {BLOCKS[-1]}, but not {block!r}.")
        import keras  # where an encoder is built, so that a configuration costs nothing

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
