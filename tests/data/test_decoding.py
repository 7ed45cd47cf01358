from io import BytesIO

import numpy as np
import pytest
from picture_files import only_picture, png_header, save
from PIL import Image
from tiny_runs import run_python

from ddim.data.decoding import is_picture, read_picture


@pytest.mark.parametrize("wide", [True, False])
def test_the_centre_square_is_what_remains(tmp_path, wide):
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    picture = Image.fromarray(pixels if wide else pixels.swapaxes(0, 1))
    assert only_picture(tmp_path, picture, "a.png").min() == 255


def test_shrinking_averages_fine_texture_to_grey(tmp_path):
    checkerboard = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    image = only_picture(tmp_path, Image.fromarray(checkerboard), "a.png", 16)
    assert np.abs(image.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("side", [37, 12])
def test_resize_is_that_of_the_tutorial_both_ways(tmp_path, side):
    import tensorflow as tf

    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    image = only_picture(tmp_path, Image.fromarray(pixels), "a.png", 16)
    expected = tf.image.resize(pixels, (16, 16), antialias=True).numpy()
    assert np.abs(image - expected).max() <= 1.5


def solid(mode: str, color) -> Image.Image:
    return Image.new(mode, (16, 16), color)


def palette_with_transparency() -> Image.Image:
    picture = solid("P", 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    picture.info["transparency"] = 1
    return picture


@pytest.mark.parametrize(
    ("picture", "name", "expected"),
    [
        (solid("L", 90), "grey.png", (90, 90, 90)),
        (solid("L", 90), "grey.jpg", (90, 90, 90)),
        (solid("1", 1), "bits.png", (255, 255, 255)),
        (solid("LA", (90, 0)), "grey-and-clear.png", (255, 255, 255)),
        (solid("RGBA", (200, 100, 50, 255)), "opaque.png", (200, 100, 50)),
        (solid("RGBA", (0, 0, 0, 51)), "mostly-clear.png", (204, 204, 204)),
        (solid("RGB", (200, 100, 50)).quantize(4), "palette.png", (200, 100, 50)),
        (palette_with_transparency(), "clear-palette.png", (255, 255, 255)),
        (solid("CMYK", (0, 255, 255, 0)), "cmyk.jpg", (254, 0, 0)),
        (Image.fromarray(np.full((16, 16), 40_000, np.uint16)), "16-bit.png", (156, 156, 156)),
    ],
)
def test_every_kind_of_picture_becomes_rgb(tmp_path, picture, name, expected):
    image = only_picture(tmp_path, picture, name)
    assert np.abs(image.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_an_animation_counts_as_its_first_frame(tmp_path, name):
    frames = [solid("RGB", (255, 0, 0)), solid("RGB", (0, 255, 0))]
    image = only_picture(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    assert image[..., 0].min() > 245 and image[..., 1].max() < 10


def test_pictures_stand_upright_as_their_camera_says(tmp_path):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    image = only_picture(tmp_path, Image.fromarray(pixels), "a.png", exif=exif)
    assert image[:3].max() == 0 and image[5:].min() == 255


@pytest.mark.parametrize("image_format", ["JPEG", "JPEG2000", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM"])
def test_a_picture_is_known_by_its_content_whatever_its_name(tmp_path, image_format):
    for name in ("flower.jfif", "flower", "flower.heic", "flower.txt"):
        file = tmp_path / name
        solid("RGB", (200, 100, 50)).save(file, format=image_format)
        assert is_picture(file)
        assert np.abs(read_picture(file, 8).astype(int) - (200, 100, 50)).max() <= 8


def test_what_cannot_be_used_says_why(tmp_path):
    save(tmp_path / "tiny.png", size=(7, 300))
    save(tmp_path / "whole.png", size=(64, 64))
    Image.fromarray(np.zeros((16, 16), np.float32)).save(tmp_path / "numbers.tiff")
    whole = (tmp_path / "whole.png").read_bytes()
    for name, content in (
        ("cut.png", whole[:-40]),
        ("headless.png", png_header(16, 16)),
        ("empty.jpg", b""),
        ("text.jpg", b"roses are red"),
        ("phone.heic", b"\0\0\0\x18ftypheic"),
        ("large.png", png_header(8001, 8000)),
        ("bomb.png", png_header(60_000, 60_000)),
    ):
        (tmp_path / name).write_bytes(content)
    reasons = {
        "tiny.png": "under 8 pixels wide or high",
        "numbers.tiff": "of numbers of which nothing says which are black and white",
        "cut.png": "damaged",
        "headless.png": "damaged",
        "empty.jpg": "not pictures",
        "text.jpg": "not pictures",
        "phone.heic": "of a format that needs pip install pillow-heif",
        "large.png": "over 64 megapixels",
        "bomb.png": "over 64 megapixels",
    }
    assert {name: read_picture(tmp_path / name, 8) for name in reasons} == reasons
    save(tmp_path / "enlarged.png", size=(8, 9))
    assert read_picture(tmp_path / "enlarged.png", 16).shape == (16, 16, 3)


@pytest.mark.parametrize(("size", "turned"), [((1201, 900), 1), ((601, 1003), 6), ((900, 1500), 8)])
def test_a_large_photo_is_read_at_a_part_of_its_size_and_looks_the_same(size, turned):
    width, height = size
    down, across = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(across / 40 + shift) * np.cos(down / 55) for shift in range(3)]
    photo = Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = turned
    files = {}
    for image_format in ("JPEG", "PNG"):  # only the former can be reduced as it is decoded
        files[image_format] = BytesIO()
        photo.save(files[image_format], image_format, quality=97, exif=exif)
    reduced, whole = (read_picture(file, 32).astype(int) for file in files.values())
    assert np.abs(reduced - whole).max() <= 4
    assert np.abs(reduced - whole).mean() < 0.7


def test_pictures_of_phones_can_be_read_by_those_who_have_the_extra(tmp_path):
    (tmp_path / "pillow_heif.py").write_text(
        "from PIL import Image, ImageFile\n"
        "class Heif(ImageFile.ImageFile):\n"
        "    format = 'HEIF'\n"
        "    def _open(self):\n"
        "        self._mode, self._size = 'RGB', (16, 16)\n"
        "def register_heif_opener():\n"
        "    Image.register_open('HEIF', Heif, lambda prefix: b'ftypheic' in prefix)\n"
    )
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    phone = str(tmp_path / "phone.heic")
    program = f"from pathlib import Path; from ddim.data import decoding; print(decoding.is_picture(Path({phone!r})))"
    assert run_python("-c", program) == "False\n"
    assert run_python("-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}") == "True\n"
