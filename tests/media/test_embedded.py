import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import run_python

from ddim.errors import UserError
from ddim.media.animation import SUFFIXES, ExportConfig, save_animation
from ddim.media.embedded import EXIF_TAG, read

RECIPE = {"command": "animate", "seeds": [7, 2**32 - 1], "eta": 0.5, "note": 'ü – 花 "quoted" \\ = ;\n#', "none": None}
NOT_OURS = "is not a (file|PNG) that this app made"
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)


def saved(folder, suffix, recipe=RECIPE):
    path = folder / f"film{suffix}"
    save_animation(path, FRAMES, ExportConfig(factor=1, hold_first=0, hold_last=0), recipe)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_file_gives_its_recipe_back(tmp_path, suffix):
    assert read(saved(tmp_path, suffix)) == RECIPE


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_long_recipe_comes_back_too(tmp_path, suffix):
    long = {"seeds": list(range(3000))}
    assert read(saved(tmp_path, suffix, long)) == long


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".txt", ""])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(1000), b"\xff" * 1000], ids=["empty", "text", "0", "255"])
def test_a_file_that_is_something_else_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"foreign{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=NOT_OURS):
        read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_off_anywhere_gives_its_recipe_or_is_refused(tmp_path, suffix):
    content = saved(tmp_path, suffix).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in range(0, len(content), 13):
        path.write_bytes(content[:length])
        try:
            assert read(path) == RECIPE
        except ValueError as error:
            assert "that this app made" in str(error)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_with_a_byte_changed_anywhere_gives_a_recipe_or_is_refused(tmp_path, suffix):
    content = saved(tmp_path, suffix).read_bytes()
    path = tmp_path / f"changed{suffix}"
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            assert isinstance(read(path), dict)
        except ValueError as error:
            assert "that this app made" in str(error)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(*chunks, side=8):
    """A PNG with these chunks before its pixels, all black, which take next to nothing in the file."""
    packer = zlib.compressobj()
    row = bytes(1 + 3 * side)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def comment_png(path, comment):
    path.write_bytes(png_of(chunk(b"tEXt", b"parameters\0" + comment.encode())))


def comment_gif(path, comment):
    Image.fromarray(FRAMES[0]).save(path, comment=comment)


def riff(*chunks):
    content = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


def comment_webp(path, comment):
    exif = Image.Exif()
    exif[EXIF_TAG] = comment
    Image.fromarray(FRAMES[0]).save(path, exif=exif)


def long_webp(path, comment):
    path.write_bytes(riff((b"EXIF", tiff((EXIF_TAG, comment.encode())))))


def tiff(*entries):
    """EXIF with these tags and texts in its directory, all of which stand at one place."""
    place = 8 + 2 + 12 * len(entries)
    directory = b"".join(struct.pack("<HHII", tag, 2, len(text), place) for tag, text in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + max((text for _, text in entries), key=len)


def comment_mp4(path, comment):
    box = struct.pack(">I4sII", 16 + len(comment), b"data", 1, 0) + comment.encode()
    for name in (b"\xa9cmt", b"ilst", b"meta", b"udta", b"moov"):
        box = bytes(4) + box if name == b"meta" else box
        box = struct.pack(">I4s", 8 + len(box), name) + box
    path.write_bytes(box)


def comment_zip(path, comment):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", comment)


WRITERS = {".png": comment_png, ".gif": comment_gif, ".webp": comment_webp, ".mp4": comment_mp4, ".zip": comment_zip}
FOREIGN = ["made with love", "{", "[1, 2]", "7", "null", "[" * 100_000, "[" * 200_000, '{"recipe": [1]}x']
NUMBERS = ["9" * 5000, "9" * 100_000, "NaN", "-Infinity", "1e400"]
HALVES = ['"\\ud800"', '{"\\udfff": 1}']  # of characters
TWICE = '{"' + "a" * 50_000 + '": 1, "' + "a" * 50_000 + '": 2}'
FOREIGN += [f'{{"recipe": {{"eta": {value}}}}}' for value in (*NUMBERS, *HALVES, TWICE)]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("comment", FOREIGN, ids=lambda text: text[:8])
def test_the_comment_of_another_program_is_refused(tmp_path, suffix, comment):
    path = tmp_path / f"foreign{suffix}"
    WRITERS[suffix](path, comment)
    with pytest.raises(UserError, match=f"^foreign{suffix} {NOT_OURS}") as error:
        read(path)
    assert len(str(error.value)) < 100


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_recipe_as_long_as_a_book_is_refused(tmp_path, suffix):
    path = tmp_path / f"long{suffix}"
    (WRITERS | {".webp": long_webp})[suffix](path, json.dumps({"recipe": {"note": "x" * 1_000_000}}))
    with pytest.raises(ValueError, match=NOT_OURS):
        read(path)


def test_a_zip_whose_manifest_has_a_recipe_that_is_no_recipe_is_refused(tmp_path):
    comment_zip(tmp_path / "film.zip", json.dumps({"recipe": "tea"}))
    with pytest.raises(ValueError, match="its recipe is not one of ours"):
        read(tmp_path / "film.zip")


def test_boxes_without_end_are_given_up(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(struct.pack(">I4s", 8, b"free") * 1_000_000)
    with pytest.raises(ValueError, match=NOT_OURS):
        read(path)


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_gif_that_claims_to_be_enormous_is_harmless(tmp_path, side):
    content = bytearray(saved(tmp_path, ".gif").read_bytes())
    content[6:10] = struct.pack("<HH", side, side)
    (tmp_path / "bomb.gif").write_bytes(content)
    try:
        assert read(tmp_path / "bomb.gif") == RECIPE
    except ValueError as error:
        assert "that this app made" in str(error)


def test_the_text_of_a_png_is_read_however_it_is_packed(tmp_path):
    text = json.dumps(RECIPE)
    packed = zlib.compress(text.encode())
    for content in (
        chunk(b"tEXt", b"parameters\0" + text.encode()),
        chunk(b"zTXt", b"parameters\0\0" + packed),
        chunk(b"iTXt", b"parameters\0\0\0de\0Parameter\0" + text.encode()),
        chunk(b"iTXt", b"parameters\0\1\0\0\0" + packed),
    ):
        (tmp_path / "film.png").write_bytes(png_of(chunk(b"tEXt", b"Comment\0{}"), content))
        with Image.open(tmp_path / "film.png") as picture:
            assert picture.text["parameters"] == text  # so says Pillow too
        assert read(tmp_path / "film.png") == RECIPE


def test_a_text_after_the_pixels_is_read_too(tmp_path):
    content, end = png_of(), chunk(b"IEND", b"")
    text = chunk(b"tEXt", b"parameters\0" + json.dumps(RECIPE).encode())
    (tmp_path / "film.png").write_bytes(content.removesuffix(end) + text + end)
    assert read(tmp_path / "film.png") == RECIPE


def test_a_png_whose_text_was_changed_is_refused(tmp_path):
    content = saved(tmp_path, ".png").read_bytes()
    assert content.count(b"[7, ") == 1
    (tmp_path / "changed.png").write_bytes(content.replace(b"[7, ", b"[8, "))
    with pytest.raises(UserError, match="it holds no recipe"):
        read(tmp_path / "changed.png")


def test_exif_is_read_whichever_end_its_numbers_begin_with(tmp_path):
    text = json.dumps(RECIPE).encode()
    big = b"MM\0*" + struct.pack(">IHHHII", 8, 1, EXIF_TAG, 2, len(text), 22) + text
    for exif in (big, b"Exif\0\0" + big, tiff((7, b"other"), (EXIF_TAG, text))):
        (tmp_path / "film.webp").write_bytes(riff((b"VP8L", b"odd"), (b"EXIF", exif)))
        assert read(tmp_path / "film.webp") == RECIPE


# Each takes next to nothing on the disk, and gigabytes in a reader that believes it.


def enormous_png(path):
    path.write_bytes(png_of(side=13_300))


def packed_png(path):
    path.write_bytes(png_of(chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(200 << 20)))))


def sparse(path, *parts):
    """Write parts at their places of a file of two gigabytes that are nowhere on the disk."""
    with path.open("wb") as file:
        file.truncate(2 << 30)
        for place, content in parts:
            file.seek(place)
            file.write(content)


def long_png(path):
    sparse(path, (0, b"\x89PNG\r\n\x1a\n" + struct.pack(">I", (2 << 30) - 100) + b"tEXtparameters\0"))


def long_exif(path):
    sparse(path, (0, b"RIFF\0\0\0\0WEBPEXIF" + struct.pack("<I", (2 << 30) - 100)))


def repeated_exif(path):
    text = bytes(100_000)
    exif = tiff(*((tag, text) for tag in range(10_000, 20_000)), (EXIF_TAG, b"no recipe"))
    Image.fromarray(FRAMES[0]).save(path, exif=b"Exif\0\0" + exif)


def long_mp4(path):
    head, place = b"", 2 << 30
    for name in (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"):
        head += struct.pack(">I4s", place - len(head), name) + (bytes(4) if name == b"meta" else b"")
    sparse(path, (0, head))


def long_list_zip(path):
    size = (2 << 30) - 200
    sparse(path, (2**31 - 22, struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size, 0, 0)))


def long_list_zip64(path):
    end = 2**31
    sparse(
        path,
        (end - 98, struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, end - 200, 0)),
        (end - 42, struct.pack("<4sLQL", b"PK\6\7", 0, end - 98, 1)),
        (end - 22, struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 0xFFFFFFFF, 0, 0)),
    )


def packed_zip(path, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("manifest.json", bytes(200 << 20))


def otherwise_packed_zip(path):
    packed_zip(path, zipfile.ZIP_BZIP2)


BOMBS = {
    "pixels.png": enormous_png,
    "packed.png": packed_png,
    "long.png": long_png,
    "long.webp": long_exif,
    "repeated.webp": repeated_exif,
    "long.mp4": long_mp4,
    "list.zip": long_list_zip,
    "list64.zip": long_list_zip64,
    "packed.zip": packed_zip,
    "bzip2.zip": otherwise_packed_zip,
}

READ_ALL = """
import re, sys
from pathlib import Path
from ddim.errors import UserError
from ddim.media.embedded import read

def peak():  # what `resource` tells begins with the peak of the process that started this one
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
for path in sys.argv[1:]:
    try:
        read(path)
    except UserError as error:
        print(error)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process took")
def test_no_file_however_it_is_made_takes_more_than_a_few_megabytes_to_refuse(tmp_path):
    for name, write in BOMBS.items():
        write(tmp_path / name)
    *refusals, grown = run_python("-c", READ_ALL, *(str(tmp_path / name) for name in BOMBS)).splitlines()
    assert len(refusals) == len(BOMBS) and all("that this app made" in refusal for refusal in refusals)
    assert int(grown) < 30_000
