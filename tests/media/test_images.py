import json
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ddim.media.embedded import read
from ddim.media.images import cut, default_columns, grid, save_png, to_pil, to_uint8

RECIPE = {"weights": "flowers64", "seed": 7, "num_steps": 20, "eta": 0.5, "note": "ü"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
NO_RECIPE = "is not a PNG that this app made"


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, size=(8, 8, 3), dtype=np.uint8)


def test_to_uint8_rounds_to_the_nearest_and_clips():
    pixels = np.array([-0.3, 0, 0.4 / 255, 0.6 / 255, 127.4 / 255, 127.6 / 255, 254.6 / 255, 1, 1.7], np.float32)
    converted = to_uint8(pixels)
    assert converted.dtype == np.uint8
    np.testing.assert_array_equal(converted, [0, 0, 0, 1, 127, 128, 255, 255, 255])


def test_every_uint8_finds_back_from_float32():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(levels.astype(np.float32) / 255), levels)


def test_grid_puts_picture_i_at_its_place_row_by_row_and_leaves_the_rest_black():
    images = np.random.default_rng(0).integers(1, 256, size=(5, 4, 6, 3), dtype=np.uint8)
    sheet = grid(images, columns=3)
    assert sheet.shape == (8, 18, 3)
    assert sheet.dtype == np.uint8
    for place, image in enumerate(images):
        row, column = divmod(place, 3)
        np.testing.assert_array_equal(sheet[4 * row : 4 * row + 4, 6 * column : 6 * column + 6], image)
    assert not sheet[4:, 12:].any()


def test_a_sheet_is_cut_into_the_pictures_that_it_was_made_of():
    images = np.random.default_rng(0).integers(1, 256, size=(5, 4, 4, 3), dtype=np.uint8)
    *pictures, left_over = cut(grid(images, columns=3), columns=3)
    np.testing.assert_array_equal(pictures, images)
    assert not left_over.any()


@pytest.mark.parametrize("num_images, columns", [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 3), (7, 3), (16, 4)])
def test_a_grid_is_as_square_as_it_can_be_and_never_taller_than_wide(num_images, columns):
    assert default_columns(num_images) == columns
    height, width, _ = grid(np.zeros((num_images, 2, 2, 3), np.uint8)).shape
    assert width == 2 * columns
    assert height <= width


def test_a_png_gives_back_its_pixels_and_its_recipe(tmp_path, image):
    path = tmp_path / "flower.png"
    save_png(path, image, RECIPE)
    assert read(path) == RECIPE
    with Image.open(path) as picture:
        assert json.loads(picture.text["parameters"]) == RECIPE
        np.testing.assert_array_equal(np.asarray(picture), image)


def test_a_picture_for_display_carries_its_recipe(image):
    picture = to_pil(image, RECIPE)
    assert json.loads(picture.info["parameters"]) == RECIPE
    np.testing.assert_array_equal(np.asarray(picture), image)


def test_a_png_without_recipe_is_refused(tmp_path, image):
    path = tmp_path / "holiday.png"
    save_png(path, image)
    with pytest.raises(ValueError, match=f"^holiday.png {NO_RECIPE}"):
        read(path)


@pytest.mark.parametrize("recipe", ["a cat, masterpiece, 4k", "{", "", "[1, 2]", "7", "null"])
def test_a_png_with_the_parameters_of_another_program_is_refused(tmp_path, image, recipe):
    path = tmp_path / "cat.png"
    text = PngInfo()
    text.add_text("parameters", recipe)
    Image.fromarray(image).save(path, pnginfo=text)
    with pytest.raises(ValueError, match=f"^cat.png {NO_RECIPE}"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"", b"seed: 7\n", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + bytes(100)], ids=repr
)
def test_a_file_that_is_no_png_is_refused(tmp_path, content):
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^notes.png {NO_RECIPE}"):
        read(path)


def test_a_jpeg_is_refused(tmp_path, image):
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path, format="JPEG")
    with pytest.raises(ValueError, match=f"^photo.png {NO_RECIPE}"):
        read(path)


def test_a_png_cut_off_anywhere_is_refused_or_still_whole_in_all_that_counts(tmp_path, image):
    whole, path = tmp_path / "whole.png", tmp_path / "cut.png"
    save_png(whole, image, RECIPE)
    content = whole.read_bytes()
    refused = 0
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            assert read(path) == RECIPE
        except ValueError as error:
            assert NO_RECIPE in str(error)
            refused += 1
    assert refused >= len(content) - 20  # the last bytes are checksums and the end marker


def test_a_png_that_claims_to_be_enormous_is_harmless_since_its_pixels_are_left_alone(tmp_path, image):
    path = tmp_path / "bomb.png"
    save_png(path, image, RECIPE)
    content = path.read_bytes()
    header = b"IHDR" + (60_000).to_bytes(4) * 2 + content[24:29]
    path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4) + content[33:])
    assert read(path) == RECIPE
