"""Recipes inside files: what makes a file's pictures again, read back from each kind of file as JSON.

Anybody may hand in any file. So no pixels are decoded, and nothing is read before it is known to be short.
"""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import ExifTags

from ddim import zips
from ddim.errors import UserError
from ddim.media import gif, video
from ddim.media.images import RECIPE_KEY

MANIFEST = "manifest.json"
MAX_RECIPE_BYTES = 1 << 18
MAX_CHUNK_BYTES = MAX_RECIPE_BYTES + 1024  # with what stands around a recipe
MAX_CHUNKS = 10_000
MAX_LIST_BYTES = 1 << 20
EXIF_TAG = ExifTags.Base.ImageDescription


def read(path: str | Path) -> dict[str, Any]:
    """The recipe inside a PNG, GIF, WebP, MP4 or ZIP that this app made. Raises UserError for any other file."""
    path = Path(path)
    suffix = path.suffix.lower()
    kind = "PNG" if suffix == ".png" else "file"
    try:
        recipe = _parsed(_READERS[suffix](path))
        if suffix == ".zip":
            recipe = recipe["recipe"]
    except _UNREADABLE as error:
        raise UserError(f"{path.name} is not a {kind} that this app made: it holds no recipe.") from error
    if not isinstance(recipe, dict):
        raise UserError(f"{path.name} is not a {kind} that this app made: its recipe is not one of ours.")
    return recipe


def _parsed(text: bytes) -> Any:
    """JSON as files of ours have it. Raises ValueError for anything else, and RecursionError for endless nesting."""
    if len(text) > MAX_RECIPE_BYTES:
        raise ValueError("No recipe is as long as that.")
    recipe = json.loads(text, object_pairs_hook=_distinct)
    json.dumps(recipe, ensure_ascii=False, allow_nan=False).encode()  # fails for NaN, infinity and half a character
    return recipe


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("A name stands twice in an object.")
    return names


def _read_png(path: Path) -> bytes:
    with path.open("rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            raise ValueError("No PNG begins like that.")
        found = None
        for kind, content, checksum in _chunks(file, _png_head, (b"tEXt", b"zTXt", b"iTXt", b"IEND")):
            keyword, _, rest = content.partition(b"\0")
            if kind == b"IEND" and found:  # so the file is whole
                return _png_text(*found)
            if keyword == RECIPE_KEY.encode():
                if zlib.crc32(kind + content) != int.from_bytes(checksum):
                    raise ValueError("The text is damaged.")
                found = kind, rest
    raise ValueError("This PNG holds no recipe, or has no end.")


def _png_text(kind: bytes, content: bytes) -> bytes:
    """The text in what follows a chunk's keyword: as we write it, or as other programs pack it again."""
    if kind == b"tEXt":
        return content
    if kind == b"zTXt":
        return _inflated(content[1:])
    is_packed, in_languages = content[0], content[2:]
    text = in_languages.split(b"\0", 2)[2]  # after a language, and the keyword in it
    return _inflated(text) if is_packed else text


def _inflated(content: bytes) -> bytes:
    return zlib.decompressobj().decompress(content, MAX_RECIPE_BYTES + 1)


def _read_webp(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] + head[8:] != b"RIFFWEBP":
            raise ValueError("No WebP begins like that.")
        for _, content, _ in _chunks(file, _webp_head, (b"EXIF",)):
            return _exif_text(content.removeprefix(b"Exif\0\0"))
    raise ValueError("There is no EXIF in this WebP.")


def _exif_text(content: bytes) -> bytes:
    """The text of EXIF_TAG in the first directory. Pillow would read all that it lists, one place a thousand times."""
    order = {b"II": "<", b"MM": ">"}[content[:2]]
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, _, size, place = struct.unpack_from(f"{order}HHII", content, entry)
        if tag == EXIF_TAG:
            return content[place : place + size].rstrip(b"\0")
    raise ValueError("The EXIF has no description.")


class _Head(NamedTuple):
    """What stands before the content of a chunk: its kind, its size, and what follows before the next chunk."""

    kind: bytes
    size: int
    after: int


def _png_head(head: bytes) -> _Head:
    size, kind = struct.unpack(">I4s", head)
    return _Head(kind, size, 4)


def _webp_head(head: bytes) -> _Head:
    kind, size = struct.unpack("<4sI", head)
    return _Head(kind, size, size % 2)


def _chunks(
    file: BinaryIO, read_head: Callable[[bytes], _Head], kinds: Collection[bytes]
) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, content and what follows it, of the chunks of these kinds that are not too long to hold a recipe."""
    for _ in range(MAX_CHUNKS):
        kind, size, after = read_head(file.read(8))
        end = file.tell() + size + after
        if kind in kinds and size <= MAX_CHUNK_BYTES:
            yield kind, file.read(size), file.read(after)
        file.seek(end)


def _read_zip(path: Path) -> bytes:
    with zips.opened(path, MAX_LIST_BYTES) as archive, zips.source_of(archive, MANIFEST) as manifest:
        return manifest.read(MAX_RECIPE_BYTES + 1)


_READERS: dict[str, Callable[[Path], bytes]] = {
    ".png": _read_png,
    ".gif": gif.read_comment,
    ".webp": _read_webp,
    ".mp4": video.read_comment,
    ".zip": _read_zip,
}

# What reading raises when a file is not what it seems, or worse.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, RecursionError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)
