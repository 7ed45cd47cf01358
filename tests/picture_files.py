"""Picture files, good and bad, for tests to read."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from ddim.data import load_images


def save(path: Path, color=(200, 100, 50), size=(16, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def reds(images: np.ndarray) -> list[int]:
    """What tells one-coloured pictures apart."""
    return sorted(images[:, 0, 0, 0].tolist())


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and ends where the pixels would begin."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 100) + b"IDAT"


def only_picture(tmp_path: Path, picture: Image.Image, name: str, image_size: int = 8, **options) -> np.ndarray:
    for split in ("train", "validation"):
        (tmp_path / split).mkdir(parents=True)
        picture.save(tmp_path / split / name, **options)
    images = load_images(f"folder:{tmp_path}", "train", image_size)
    assert len(images) == 1
    return images[0]
