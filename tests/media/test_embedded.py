import json
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

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


def comment_gif(path, comment):
    Image.fromarray(FRAMES[0]).save(path, comment=comment)


def comment_webp(path, comment):
    exif = Image.Exif()
    exif[EXIF_TAG] = comment
    Image.fromarray(FRAMES[0]).save(path, exif=exif)


def comment_mp4(path, comment):
    box = struct.pack(">I4sII", 16 + len(comment), b"data", 1, 0) + comment.encode()
    for name in (b"\xa9cmt", b"ilst", b"meta", b"udta", b"moov"):
        box = bytes(4) + box if name == b"meta" else box
        box = struct.pack(">I4s", 8 + len(box), name) + box
    path.write_bytes(box)


def comment_zip(path, comment):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", comment)


WRITERS = {".gif": comment_gif, ".webp": comment_webp, ".mp4": comment_mp4, ".zip": comment_zip}
FOREIGN = ["made with love", "{", "[1, 2]", "7", "null", "[" * 100_000, '{"recipe": [1]}x', "9" * 5000]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("comment", FOREIGN, ids=lambda text: text[:8])
def test_the_comment_of_another_program_is_refused(tmp_path, suffix, comment):
    path = tmp_path / f"foreign{suffix}"
    WRITERS[suffix](path, comment)
    with pytest.raises(ValueError, match=f"^foreign{suffix} {NOT_OURS}"):
        read(path)


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".zip"])
def test_a_recipe_as_long_as_a_book_is_refused(tmp_path, suffix):
    path = tmp_path / f"long{suffix}"
    WRITERS[suffix](path, json.dumps({"recipe": {"note": "x" * 1_000_000}}))
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
