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
DEFLATE64 = 9
PROTECTED = 1


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


def source_of(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo) -> IO[bytes]:
    """A file in a ZIP, to be read in pieces. Raises UserError if it is not there or damaged, needs a password, or is
    packed in a way of its own.
    """
    try:
        member = name if isinstance(name, zipfile.ZipInfo) else archive.getinfo(name)
        if member.flag_bits & PROTECTED:
            raise UserError("The ZIP is protected by a password: pack it again without one.")
        if member.compress_type == DEFLATE64:
            raise UserError(
                "The ZIP is packed with Deflate64, as Windows does with large folders, which few programs can unpack: "
                "pack it with another program, or in smaller parts."
            )
        if member.compress_type not in IN_PIECES:
            raise UserError("The ZIP is packed in a way that cannot be read here: it must be stored or deflated.")
        return archive.open(member)
    except KeyError as error:
        raise UserError(f"The ZIP has no {name}.") from error
    except (OSError, NotImplementedError, RuntimeError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise UserError(f"The ZIP is damaged: {str(error).rstrip('.')}. Pack it again.") from error


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
