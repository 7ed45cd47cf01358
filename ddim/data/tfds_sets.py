"""A set of TensorFlow Datasets, downloaded first if need be."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np

from ddim.data.folders import FOLDER_PREFIX
from ddim.data.source import EncodedPicture, Source
from ddim.errors import UserError

WAY_OUT = f"{FOLDER_PREFIX}PATH takes a folder of your own pictures instead"


def tfds_source(dataset: str) -> Source:
    """The pictures of a TFDS set with an `image`, whose splits are joined and cut anew into 80 % and 20 %.

    Raises UserError if TFDS has no such set or no `image` in it, OSError if it cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(dataset)
    except Exception as error:  # ValueError, AssertionError, or the network error of a community's own client
        raise UserError(f"TFDS cannot find the data set {dataset!r} ({_first_line(error)}); {WAY_OUT}.") from error
    image = dict(builder.info.features).get("image")
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8:
        raise UserError(f"The TFDS set {dataset} has no 8-bit pictures named `image`; {WAY_OUT}.")
    try:
        builder.download_and_prepare()
    except Exception as error:  # each set has its own ways to fail: network, quota, manual steps, missing packages
        raise OSError(f"TFDS cannot download {dataset} ({_first_line(error)}); {WAY_OUT}.") from error
    sizes = {name: split.num_examples for name, split in builder.info.splits.items()}
    return Source(
        {"train": _encoded(builder, "[:80%]"), "validation": _encoded(builder, "[80%:]")},
        left_out=[],
        total=sum(sizes.values()),
        fingerprint=f"{builder.info.full_name} {sizes}",
    )


def _encoded(builder: Any, part: str) -> Iterator[EncodedPicture]:
    import tensorflow_datasets as tfds

    label = dict(builder.info.features).get("label")
    name_of = label.int2str if isinstance(label, tfds.features.ClassLabel) else None
    features = {"image": True, "label": True} if name_of else {"image": True}
    encoded = builder.as_dataset(
        split="+".join(name + part for name in builder.info.splits),
        decoders=tfds.decode.PartialDecoding(features, {"image": tfds.decode.SkipDecoding()}),
        shuffle_files=False,
    )
    for index, example in enumerate(tfds.as_numpy(encoded)):
        class_name = name_of(example["label"]) if name_of else ""
        yield EncodedPicture(f"number {index}", BytesIO(example["image"]), class_name)


def _first_line(error: Exception) -> str:
    """The gist of a TFDS error, whose messages run to pages."""
    return str(error).strip().partition("\n")[0].rstrip(".")
