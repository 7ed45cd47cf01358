"""ZIP files from anywhere, opened in little memory, whatever they claim to hold."""

import io
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ddim.errors import UserError

# What else there is unpacks at one go, however much it becomes, or not at all.
IN_PIECES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opened(path: Path, max_list_bytes: int) -> Iterator[zipfile.ZipFile]:
    """A ZIP whose list of contents takes at most so many bytes. Raises UserError for any other file."""
    with _SmallReads(path, max_list_bytes) as file:
        try:
            archive = zipfile.ZipFile(file)
        except (OSError, ValueError, NotImplementedError, struct.error, zipfile.BadZipFile) as error:
            raise UserError(f"{path.name} is not a ZIP file, or is damaged.") from error
        file.limit = sys.maxsize  # from now on whoever reads says how much
        with archive:
            yield archive


def source_of(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """A file in a ZIP, to be read in pieces. Raises UserError if it is not there, or packed in a way of its own."""
    try:
        member = archive.getinfo(name)
        if member.compress_type not in IN_PIECES:
            raise NotImplementedError(f"compression {member.compress_type}")
        return archive.open(member)
    except (OSError, KeyError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"The ZIP has no {name} that can be unpacked here: it must be stored or deflated, without a password."
        ) from error


class _SmallReads(io.FileIO):
    """A file for zipfile, which reads a list of contents at one go, however long the file says that it is."""

    def __init__(self, path: Path, limit: int):
        super().__init__(path)
        self.limit = limit

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, or the rest of the file. Raises ValueError for more than the limit."""
        if size is not None and size > self.limit:
            raise ValueError(f"{size} bytes are more than the {self.limit} that are read at one go.")
        return super().read(size)
