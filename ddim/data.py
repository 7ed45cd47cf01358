"""Pictures of a TFDS data set or a folder -> one uint8 array per split: the cache that training draws its batches from,
and the class of each.

Both sources hand over encoded pictures, and Pillow does the rest: with one decoder, one crop and one resize, the same
picture gives the same pixels from either, and a folder needs no TensorFlow.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from PIL import Image, ImageOps

from ddim.errors import UserError

Split = Literal["train", "validation"]

FOLDER_PREFIX = "folder:"
VALIDATION_FOLDERS = ("validation", "val", "test")
# Common formats of pictures, and none that Pillow hands to other programs, as it does EPS.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
MIN_SIDE = 8
MAX_PIXELS = 64_000_000
CHUNK = 512

logger = logging.getLogger("ddim")


class EncodedPicture(NamedTuple):
    """A picture before it is decoded, what to call it in warnings, and the name of its class, or nothing."""

    name: str
    file: Path | BytesIO
    class_name: str = ""


class Pictures(NamedTuple):
    """Pictures (N, S, S, 3) uint8, the names of their classes (N,), empty where a picture has none, and a checksum of
    the names of all pictures, by which the same set is known wherever it lies.
    """

    images: np.ndarray
    class_names: np.ndarray
    checksum: str = ""


def load_images(dataset: str, split: Split, image_size: int) -> np.ndarray:
    """The pictures of `load_pictures` alone."""
    return load_pictures(dataset, split, image_size).images


def load_pictures(dataset: str, split: Split, image_size: int) -> Pictures:
    """All pictures of a split as uint8 (N, image_size, image_size, 3), always in the same order, with their classes.

    `dataset` is the name of a TFDS set with an `image`, whose splits are joined and cut anew into 80 % for training and
    20 % for validation, or `folder:PATH`: either PATH/train and PATH/validation (or val, or test) with pictures at any
    depth, as in split/class/picture, or loose pictures, 20 % of which go to validation by the hash of their file names.
    The class of a picture is the name that the TFDS set gives its `label`, or the first folder on the way to it.

    Pictures are cropped to the centre square and resized with an antialiased triangle filter; grey, CMYK, palette and
    16-bit ones become RGB, transparency turns white, an animation counts as its first frame. What cannot be read, is
    under 8 pixels wide or high, or has over 64 megapixels is skipped, and one warning says how many were and why.

    Raises UserError without pictures, or if TFDS has no such set or no `image` in it, and OSError if a download fails.
    """
    if split not in get_args(Split):
        raise UserError(f"A split is one of {', '.join(get_args(Split))}, but {split!r} was asked for.")
    pictures = folder_pictures(dataset, split) if dataset.startswith(FOLDER_PREFIX) else tfds_pictures(dataset, split)
    problems: list[str] = []
    class_names: list[str] = []
    checksum = hashlib.sha256()

    def readable() -> Iterator[np.ndarray]:
        for picture, image in read_pictures(pictures, image_size, problems):
            class_names.append(picture.class_name)
            checksum.update(f"{picture.name}\n".encode(errors="surrogateescape"))
            yield image

    images = np.fromiter(readable(), np.dtype((np.uint8, (image_size, image_size, 3))))
    if not len(images):
        raise UserError(
            f"{dataset} has no readable picture for {split}"
            + (f": {problems[0]}." if problems else f": looked for files ending in {' '.join(SUFFIXES)}.")
        )
    if problems:
        total = len(images) + len(problems)
        logger.warning("Skipped %d of %d %s pictures of %s; %s.", len(problems), total, split, dataset, problems[0])
    return Pictures(images, np.array(class_names), checksum.hexdigest())


def read_pictures(
    pictures: Iterator[EncodedPicture], image_size: int, problems: list[str]
) -> Iterator[tuple[EncodedPicture, np.ndarray]]:
    """Yield readable pictures with their pixels (image_size, image_size, 3); append to `problems` what ails others."""

    def read(picture: EncodedPicture) -> np.ndarray | str:
        try:
            return read_picture(picture.file, image_size)
        except Exception as error:  # on damaged files decoders raise almost anything, from SyntaxError to struct.error
            return f"{picture.name}: {error}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(pictures, CHUNK)):  # map alone would hold all encoded pictures in memory
            for picture, result in zip(chunk, pool.map(read, chunk), strict=True):
                if isinstance(result, str):
                    problems.append(result)
                else:
                    yield picture, result


def read_picture(file: Path | BytesIO, image_size: int) -> np.ndarray:
    """The centre square of an encoded picture, upright and in RGB, as (image_size, image_size, 3) uint8.

    The filter is the triangle that widens as pictures shrink: it covers every pixel, so fine texture is averaged
    rather than aliased, and it has no negative lobes, which would ring at edges and clip.
    """
    with Image.open(file, formats=FORMATS) as picture:
        if picture.width * picture.height > MAX_PIXELS:  # known from the header: refused before it is decoded
            raise ValueError(f"{picture.width} x {picture.height} is more than {MAX_PIXELS // 10**6} megapixels")
        side = min(picture.size)
        if side < MIN_SIDE:
            raise ValueError(f"{picture.width} x {picture.height} is smaller than {MIN_SIDE} pixels")
        upright = to_rgb(ImageOps.exif_transpose(picture))
    left, top = (upright.width - side) // 2, (upright.height - side) // 2
    square = upright.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((image_size, image_size), Image.Resampling.BILINEAR))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any kind of picture as 8-bit RGB, transparent parts on white."""
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ValueError(f"nothing says which of its numbers are black and white (mode {picture.mode})")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def folder_pictures(dataset: str, split: Split) -> Iterator[EncodedPicture]:
    """The encoded pictures of a split of `folder:PATH`. Raises UserError if there is no such folder."""
    path = dataset.removeprefix(FOLDER_PREFIX)
    folder = Path(path).expanduser()
    if not path or not folder.is_dir():
        raise UserError(f"{dataset} names no folder: {FOLDER_PREFIX} needs the path of a folder of pictures after it.")
    validation = next((folder / name for name in VALIDATION_FOLDERS if (folder / name).is_dir()), None)
    if validation and (folder / "train").is_dir():
        root = folder / "train" if split == "train" else validation
        files = picture_files(root)
    else:
        root, files = folder, cut_by_hash(picture_files(folder), split)
    for file in files:
        class_folders = file.relative_to(root).parts[:-1]
        yield EncodedPicture(str(file.relative_to(folder)), file, class_folders[0] if class_folders else "")


def picture_files(folder: Path) -> list[Path]:
    """All files below a folder that end like pictures, sorted, without hidden ones, which systems leave lying about."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def cut_by_hash(files: list[Path], split: Split) -> list[Path]:
    """The first 80 % or the last 20 % in the order of the names' hashes, which depends on neither place nor date.

    An order, rather than a bound on the hash, gives each part its share however few the pictures are.
    """
    files = sorted(files, key=lambda file: hashlib.sha256(os.fsencode(file.name)).digest())
    cut = len(files) * 4 // 5
    return files[:cut] if split == "train" else files[cut:]


def tfds_pictures(dataset: str, split: Split) -> Iterator[EncodedPicture]:
    """The encoded pictures of a part of all splits of a TFDS set, downloaded first if need be.

    Raises UserError if TFDS has no such set or no `image` in it, OSError if it cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    way_out = f"{FOLDER_PREFIX}PATH takes a folder of your own pictures instead"
    try:
        builder = tfds.builder(dataset)
    except Exception as error:  # ValueError, AssertionError, or the network error of a community's own client
        raise UserError(f"TFDS cannot find the data set {dataset!r} ({first_line(error)}); {way_out}.") from error
    image = dict(builder.info.features).get("image")
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8:
        raise UserError(f"The TFDS set {dataset} has no 8-bit pictures named `image`; {way_out}.")
    try:
        builder.download_and_prepare()
    except Exception as error:  # each set has its own ways to fail: network, quota, manual steps, missing packages
        raise OSError(f"TFDS cannot download {dataset} ({first_line(error)}); {way_out}.") from error
    label = dict(builder.info.features).get("label")
    name_of = label.int2str if isinstance(label, tfds.features.ClassLabel) else None
    features = {"image": True, "label": True} if name_of else {"image": True}
    part = "[:80%]" if split == "train" else "[80%:]"
    encoded = builder.as_dataset(
        split="+".join(name + part for name in builder.info.splits),
        decoders=tfds.decode.PartialDecoding(features, {"image": tfds.decode.SkipDecoding()}),
        shuffle_files=False,
    )
    for index, example in enumerate(tfds.as_numpy(encoded)):
        class_name = name_of(example["label"]) if name_of else ""
        yield EncodedPicture(f"number {index}", BytesIO(example["image"]), class_name)


def first_line(error: Exception) -> str:
    """The gist of a TFDS error, whose messages run to pages."""
    return str(error).strip().partition("\n")[0].rstrip(".")
