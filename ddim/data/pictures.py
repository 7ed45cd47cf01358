"""A TFDS name or a folder -> one uint8 array per split: the cache that training draws its batches from."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from ddim.data.decoding import read_picture
from ddim.data.folders import FOLDER_PREFIX, TFDS_PREFIX, folder_source, with_prefix
from ddim.data.source import EncodedPicture, LeftOut, Source, Split, told
from ddim.data.tfds_sets import tfds_source
from ddim.errors import UserError
from ddim.files import replace_file

AT_ONCE = 64

logger = logging.getLogger("ddim")


class Pictures(NamedTuple):
    """Pictures (N, S, S, 3) uint8, the names of their classes (N,), empty where a picture has none, and a checksum of
    the names of all pictures, by which the same set is known wherever it lies.
    """

    images: np.ndarray
    class_names: np.ndarray
    checksum: str = ""


class Dataset(NamedTuple):
    """Pictures to learn from and to measure by, and in a sentence how many there are and what was left out."""

    train: Pictures
    validation: Pictures
    summary: str


def load_dataset(
    dataset: str,
    image_size: int,
    show: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
    write_cache: bool = True,
) -> Dataset:
    """All pictures of a data set as uint8 (N, image_size, image_size, 3), always in the same order, with classes.

    `dataset` is the name of a TFDS set with an `image`, whose splits are joined and cut anew into 80 % for training and
    20 % for validation, or `folder:PATH`: either with folders called train and validation in it (or val, test and the
    like) and pictures at any depth, as in split/class/picture, or without, and then 20 % of all pictures go to
    validation by the hash of their paths. The class of a picture is the name that the TFDS set gives its `label`, or
    the first folder on the way to it.

    Pictures are cropped to the centre square and resized with an antialiased triangle filter; grey, CMYK, palette and
    16-bit ones become RGB, transparency turns white, an animation counts as its first frame. What cannot be read, is
    under 8 pixels wide or high, or has over 64 megapixels is left out.

    `show` takes a line of progress. With `cache`, a file, all is kept there, unless it is only to be read, and read
    again as long as the pictures are the same. Raises UserError without pictures to learn from and to measure by, or if
    TFDS has no such set or no `image` in it, and OSError if a download fails.
    """
    source = source_of(dataset)
    key = hashlib.sha256(f"1 {image_size} {source.fingerprint}".encode()).hexdigest()
    kept = _read_cache(cache, key) if cache else None
    if kept is None:
        left_out, numbers = list(source.left_out), count(1)

        def progress() -> None:
            number = next(numbers)
            if number % AT_ONCE == 1:
                show(f"reading pictures: {number:,} of {source.total:,}")

        train, validation = (_decoded(source, part, image_size, left_out, progress) for part in get_args(Split))
        if not len(train.images) or not len(validation.images):
            raise UserError(
                f"{dataset} has pictures to learn from: {len(train.images)}, and to measure by: "
                f"{len(validation.images)}, but both are needed{told(left_out)}."
            )
        kept = Dataset(train, validation, _summary(train, validation, left_out))
        if cache and write_cache:
            _write_cache(cache, key, kept)
    return kept


def load_images(dataset: str, split: Split, image_size: int) -> np.ndarray:
    """The pictures of `load_pictures` alone."""
    return load_pictures(dataset, split, image_size).images


def load_pictures(dataset: str, split: Split, image_size: int) -> Pictures:
    """One split of `load_dataset`. What is left out of it is told in one warning. Raises UserError if it is empty."""
    if split not in get_args(Split):
        raise UserError(f"A split is one of {', '.join(get_args(Split))}, but {split!r} was asked for.")
    left_out: list[LeftOut] = []
    source = source_of(dataset)
    pictures = _decoded(source, split, image_size, left_out)
    if not len(pictures.images):
        raise UserError(f"{dataset} has no picture for {split}{told([*source.left_out, *left_out])}.")
    if left_out:
        logger.warning("Of the %s pictures of %s%s.", split, dataset, told(left_out).replace(";", ",", 1))
    return pictures


def source_of(dataset: str) -> Source:
    """Where the pictures of a data set are. Raises UserError and OSError as `load_dataset` does."""
    name = with_prefix(dataset)
    return folder_source(name) if name.startswith(FOLDER_PREFIX) else tfds_source(name.removeprefix(TFDS_PREFIX))


def _decoded(
    source: Source,
    split: Split,
    image_size: int,
    left_out: list[LeftOut],
    progress: Callable[[], None] = lambda: None,
) -> Pictures:
    """The pictures of a split that can be used; the others join those that are `left_out`."""
    class_names: list[str] = []
    checksum = hashlib.sha256()

    def usable() -> Iterator[np.ndarray]:
        for picture, image in _read_ahead(source.pictures[split], image_size):
            progress()
            if isinstance(image, str):
                left_out.append(LeftOut(picture.name, image))
            else:
                class_names.append(picture.class_name)
                checksum.update(f"{picture.name}\n".encode(errors="surrogateescape"))
                yield image

    images = np.fromiter(usable(), np.dtype((np.uint8, (image_size, image_size, 3))))
    return Pictures(images, np.array(class_names, dtype=str), checksum.hexdigest())


def _read_ahead(
    pictures: Iterable[EncodedPicture], image_size: int
) -> Iterator[tuple[EncodedPicture, np.ndarray | str]]:
    """Each picture with its pixels, or why it has none."""
    waiting = iter(pictures)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        while chunk := list(islice(waiting, AT_ONCE)):  # map alone would hold all encoded pictures in memory
            yield from zip(chunk, pool.map(lambda one: read_picture(one.file, image_size), chunk), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _summary(train: Pictures, validation: Pictures, left_out: list[LeftOut]) -> str:
    counted = f"{len(train.images):,} training and {len(validation.images):,} validation pictures"
    classes = {name for part in (train, validation) for name in part.class_names.tolist() if name}
    if classes:
        counted += f" of {len(classes):,} {'class' if len(classes) == 1 else 'classes'}"
    if all(np.ptp(part.images, axis=-1).max() == 0 for part in (train, validation)):
        counted += ", all grey, which are learned as RGB"
    return counted + told(left_out)


def _write_cache(cache: Path, key: str, dataset: Dataset) -> None:
    arrays = {
        f"{split}_{name}": array
        for split in get_args(Split)
        for name, array in getattr(dataset, split)._asdict().items()
    }
    unfinished = cache.with_name(f"{cache.stem}.unfinished.npz")
    try:
        np.savez(unfinished, key=key, summary=dataset.summary, **arrays)
        replace_file(unfinished, cache)
    finally:
        unfinished.unlink(missing_ok=True)


def _read_cache(cache: Path, key: str) -> Dataset | None:
    """What is kept under this key, or None; a damaged file counts as none."""
    try:
        with np.load(cache) as archive:
            if str(archive["key"]) != key:
                return None
            train, validation = (
                Pictures(archive[f"{split}_images"], archive[f"{split}_class_names"], str(archive[f"{split}_checksum"]))
                for split in get_args(Split)
            )
            return Dataset(train, validation, str(archive["summary"]))
    except (OSError, LookupError, ValueError, EOFError, zipfile.BadZipFile):
        return None
