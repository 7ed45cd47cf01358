"""A picture of any common format -> a square of pixels.

All sources hand over encoded pictures, and Pillow does the rest: with one decoder, one crop and one resize, the same
picture gives the same pixels from any of them, and a folder needs no TensorFlow.
"""

from contextlib import suppress
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

# Common formats of pictures, and none that Pillow hands to other programs, as it does EPS.
FORMATS = ["JPEG", "JPEG2000", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM"]
HEIF_SUFFIXES = (".heic", ".heif")
NOT_A_PICTURE = "not pictures"
DAMAGED = "damaged"
MIN_SIDE = 8
MAX_PIXELS = 64_000_000
# JPEG files can be decoded at a half, a quarter or an eighth of their size. What is resized is then still this many
# times as large as the result, or more, so that hardly a pixel changes by more than 2.
REDUCING_GAP = 3

with suppress(ImportError):  # pictures of phones, for those who have it
    import_module("pillow_heif").register_heif_opener()
    FORMATS.append("HEIF")


def read_picture(file: Path | BytesIO, image_size: int) -> np.ndarray | str:
    """The centre square of an encoded picture, upright and in RGB, as (image_size, image_size, 3) uint8; or, in a few
    words such as "damaged", what keeps it from being used. What kind of file it is, its content says, not its name.
    """
    try:
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:  # known from the header: refused before it is decoded
                return f"over {MAX_PIXELS // 10**6} megapixels"
            if min(picture.size) < MIN_SIDE:
                return f"under {MIN_SIDE} pixels wide or high"
            if picture.mode in ("I", "F"):
                return "of numbers of which nothing says which are black and white"
            original_size = picture.size
            picture.draft(None, (REDUCING_GAP * image_size,) * 2)
            orientation = picture.getexif().get(ExifTags.Base.Orientation)
            square = _centre_square(to_rgb(picture), original_size, image_size)
            square.getexif()[ExifTags.Base.Orientation] = orientation
            return np.asarray(ImageOps.exif_transpose(square))
    except Image.DecompressionBombError:
        return f"over {MAX_PIXELS // 10**6} megapixels"
    except UnidentifiedImageError:
        is_heif = isinstance(file, Path) and file.suffix.lower() in HEIF_SUFFIXES
        return "of a format that needs pip install pillow-heif" if is_heif else NOT_A_PICTURE
    except Exception:  # on damaged files decoders raise almost anything, from SyntaxError to struct.error
        return DAMAGED


def is_picture(file: Path) -> bool:
    """Whether a file is a picture by its content, be it whole or not."""
    try:
        with Image.open(file, formats=FORMATS):
            return True
    except Image.DecompressionBombError:
        return True
    except (OSError, ValueError, SyntaxError):
        return False


def _centre_square(picture: Image.Image, original_size: tuple[int, int], size: int) -> Image.Image:
    """The square of a picture that may have been reduced since it had its original size, by a whole factor.

    The filter is the triangle that widens as pictures shrink: it covers every pixel, so fine texture is averaged
    rather than aliased, and it has no negative lobes, which would ring at edges and clip.
    """
    factor = round(max(original_size) / max(picture.size))
    width, height = original_size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = np.array([left, top, left + side, top + side]) / factor
    crop = picture.crop((*np.floor(box[:2]).astype(int), *np.ceil(box[2:]).astype(int)))
    inner = np.clip(box - np.floor(np.tile(box[:2], 2)), 0, np.tile(crop.size, 2))
    return crop.resize((size, size), Image.Resampling.BILINEAR, box=tuple(inner))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any kind of picture as 8-bit RGB, transparent parts on white."""
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")
