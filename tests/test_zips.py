"""ZIP files from anywhere: what is in them comes out in pieces, or a sentence says why not."""

import zipfile
import zlib

import pytest

from ddim.errors import UserError
from ddim.zips import opened, source_of

LIMIT = 1000


def write_zip(path, method=zipfile.ZIP_DEFLATED, count=1):
    with zipfile.ZipFile(path, "w", method) as archive:
        for index in range(count):
            archive.writestr(f"{index}.txt", f"text {index}")
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_is_stored_or_deflated_comes_out(tmp_path, method):
    with (
        opened(write_zip(tmp_path / "a.zip", method, count=3), LIMIT) as archive,
        source_of(archive, "2.txt") as source,
    ):
        assert source.read(4) + source.read() == b"text 2"


def test_a_zip_whose_list_is_longer_than_may_be_is_not_opened(tmp_path):
    path = write_zip(tmp_path / "many.zip", count=100)
    with opened(path, 10_000) as archive:
        assert len(archive.namelist()) == 100
    with pytest.raises(UserError, match="^many.zip is not a ZIP file, or is damaged.$"), opened(path, LIMIT):
        pass


def changed(path, **numbers):
    """Overwrite a field of two bytes of the only file in a ZIP, both where it stands and in the list of contents."""
    content = bytearray(path.read_bytes())
    for name, value in numbers.items():
        in_file, in_list = {"flags": (6, 8), "method": (8, 10)}[name]
        for place in (in_file, content.index(b"PK\1\2") + in_list):
            content[place : place + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)
    return path


HOW = {"password": {"flags": 1}, "Deflate64": {"method": 9}, "stored or deflated": {"method": 77}}


@pytest.mark.parametrize("sentence", HOW)
def test_what_is_packed_in_another_way_is_refused_in_a_sentence(tmp_path, sentence):
    path = changed(write_zip(tmp_path / "a.zip"), **HOW[sentence])
    with opened(path, LIMIT) as archive, pytest.raises(UserError, match=sentence):
        source_of(archive, "0.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_only_at_one_go_is_refused(tmp_path, method):
    path = write_zip(tmp_path / "a.zip", method)
    with opened(path, LIMIT) as archive, pytest.raises(UserError, match="it must be stored or deflated"):
        source_of(archive, "0.txt")


def test_what_is_not_there_is_refused(tmp_path):
    with opened(write_zip(tmp_path / "a.zip"), LIMIT) as archive, pytest.raises(UserError, match="has no 1.txt"):
        source_of(archive, "1.txt")


def test_a_zip_damaged_anywhere_is_read_or_refused(tmp_path):
    content = write_zip(tmp_path / "a.zip", count=2).read_bytes()
    for place in range(len(content)):
        (tmp_path / "a.zip").write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            with opened(tmp_path / "a.zip", LIMIT) as archive, source_of(archive, "0.txt") as source:
                source.read(100)
        except (UserError, zipfile.BadZipFile, zlib.error, EOFError):
            pass
