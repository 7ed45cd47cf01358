"""A folder of pictures: which are there to learn from, which to measure by, of which class, and what is no picture."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from ddim.data.source import EncodedPicture, LeftOut, Source, Split
from ddim.errors import UserError

FOLDER_PREFIX = "folder:"
TFDS_PREFIX = "tfds:"
TRAIN_FOLDERS = ("train", "training", "training_set", "train_set")
VALIDATION_FOLDERS = ("validation", "valid", "val", "validation_set", "val_set", "test", "testing", "test_set")
# What systems and programs leave among pictures, beside all that begins with a dot.
LITTER = (
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "#recycle",
    "system volume information",
    "thumbnails",
    "thumbs.db",
    "desktop.ini",
)


def is_litter(path: PurePosixPath) -> bool:
    """Whether a file, by its relative path, is one that a system or program leaves lying about."""
    return any(part.startswith(".") or part.casefold() in LITTER for part in path.parts)


def with_prefix(dataset: str) -> str:
    """A data set as people write it, perhaps in quotes or as a bare path -> a TFDS name or "folder:PATH".

    "tfds:NAME" is a name, even where there is a folder that is called so.
    """
    text = dataset.strip()
    if text.startswith(TFDS_PREFIX):
        return text
    is_folder = text.startswith(FOLDER_PREFIX)
    text = text.removeprefix(FOLDER_PREFIX).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    is_folder |= text.startswith(("/", "~", ".", "\\")) or text[1:2] == ":" or (bool(text) and Path(text).is_dir())
    return FOLDER_PREFIX + text if is_folder else text


def folder_source(dataset: str) -> Source:
    """The pictures of `folder:PATH`. Raises UserError if there is no such folder.

    They are those in folders that are called train, or training and the like, and validation, or val, test and the
    like; where there is none of the latter, a fifth of all is put aside. Wrappings, folders that hold nothing but one
    folder, do not count. The class of a picture is the first folder on the way to it.
    """
    path = dataset.removeprefix(FOLDER_PREFIX)
    folder = Path(path).expanduser()
    if not path or not folder.is_dir():
        raise UserError(f"{dataset} names no folder: {FOLDER_PREFIX} needs the path of a folder of pictures after it.")
    found, left_out = _usable(folder)
    while len({name.parts[0] for name in found}) == 1 and len(found[0].parts) > 1:
        folder = folder / found[0].parts[0]
        found = [name.relative_to(name.parts[0]) for name in found]
    tops = {name.parts[0].casefold(): name.parts[0] for name in found if len(name.parts) > 1}
    train = next((tops[name] for name in TRAIN_FOLDERS if name in tops), None)
    validation = next((tops[name] for name in VALIDATION_FOLDERS if name in tops), None)
    not_train = [tops[name] for name in VALIDATION_FOLDERS if name in tops]
    rest = [name for name in found if name.parts[0] == train] if train else _outside(found, not_train)
    if validation:
        held_out = [name for name in found if name.parts[0] == validation]
    else:
        rest, held_out = _cut_by_hash(rest)
    names: dict[Split, list[PurePosixPath]] = {"train": rest, "validation": held_out}
    used = {name for part in names.values() for name in part}
    where = " and ".join(name for name in (train, validation) if name)
    left_out += [LeftOut(str(name), f"outside of {where}") for name in found if name not in used]
    in_splits = {top for top in (train, validation) if top}
    pictures: dict[Split, list[EncodedPicture]] = {
        split: list(_encoded(folder, part, in_splits)) for split, part in names.items()
    }
    return Source(pictures, left_out, total=len(used), fingerprint=_fingerprint(folder, names))


def _usable(folder: Path) -> tuple[list[PurePosixPath], list[LeftOut]]:
    """The relative paths of all files that may be pictures, sorted, and what is left out of the others.

    Folders behind links count, each once.
    """
    names, left_out, seen = [], [], set()

    def unreadable(error: OSError) -> None:
        left_out.append(LeftOut(str(error.filename), "in folders that may not be read"))

    for place, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(folders)
        names += [] if real in seen else [PurePosixPath(Path(place, file).relative_to(folder)) for file in files]
        seen.add(real)
    for name in names:
        if is_litter(name) or not (folder / name).is_file():
            left_out.append(LeftOut(str(name)))
    litter = {one.name for one in left_out}
    return sorted(name for name in names if str(name) not in litter), left_out


def _outside(names: Iterable[PurePosixPath], folders: Sequence[str]) -> list[PurePosixPath]:
    return [name for name in names if name.parts[0] not in folders]


def _cut_by_hash(names: list[PurePosixPath]) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """The first 80 % and the last 20 % in the order of the paths' hashes, which depends on neither place nor date.

    An order, rather than a bound on the hash, gives each part its share however few the pictures are.
    """
    names = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(str(name))).digest())
    cut = len(names) * 4 // 5
    return names[:cut], names[cut:]


def _encoded(folder: Path, names: Iterable[PurePosixPath], in_splits: Iterable[str]) -> Iterator[EncodedPicture]:
    for name in names:
        folders = name.parts[1 if name.parts[0] in in_splits else 0 : -1]
        yield EncodedPicture(str(name), folder / name, folders[0] if folders else "")


def _fingerprint(folder: Path, names: Mapping[Split, list[PurePosixPath]]) -> str:
    """What changes when a picture does: names, sizes and times."""
    digest = hashlib.sha256()
    for split, part in names.items():
        for name in part:
            about = (folder / name).stat()
            digest.update(os.fsencode(f"{split} {name} {about.st_size} {about.st_mtime_ns}\n"))
    return digest.hexdigest()
