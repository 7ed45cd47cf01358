"""Files of pictures read back by other programs than those that wrote them: FFmpeg's decoders, and byte by byte."""

import struct
import subprocess

import imageio_ffmpeg
import numpy as np


def decode(path, height, width):
    """All frames (F, H, W, 3) uint8 as FFmpeg sees them, each once."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-fps_mode", "passthrough"]
    options = ["-sws_flags", "accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = subprocess.run([*command, *options], capture_output=True, check=True, timeout=100).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, height, width, 3)


def psnr(pixels, truth):
    """In dB; infinite where nothing differs."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / np.mean((pixels.astype(float) - truth) ** 2))


def gif_blocks(path):
    """Size, milliseconds of each frame, number of loops (None: no such block), and whether frames have palettes."""
    content = path.read_bytes()
    assert content[:6] == b"GIF89a"
    size = struct.unpack_from("<HH", content, 6)[::-1]
    position = 13 + 3 * 2 ** ((content[10] & 7) + 1) if content[10] & 128 else 13
    milliseconds, loops, own_palettes = [], None, False
    while content[position] != 0x3B:
        if content[position] == 0x2C:
            flags = content[position + 9]
            own_palettes |= bool(flags & 128)
            position += 10 + (3 * 2 ** ((flags & 7) + 1) if flags & 128 else 0) + 1
        else:
            label, position = content[position + 1], position + 2
            if label == 0xF9:
                milliseconds.append(10 * struct.unpack_from("<H", content, position + 2)[0])
            if label == 0xFF and content[position + 1 : position + 12] == b"NETSCAPE2.0":
                loops = struct.unpack_from("<H", content, position + 14)[0]
        while content[position]:
            position += 1 + content[position]
        position += 1
    return size, milliseconds, loops, own_palettes


def webp_chunks(path):
    """Size, milliseconds of each frame, number of loops, and which kinds of chunks there are."""
    content = path.read_bytes()
    assert content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    position, milliseconds, kinds, size, loops = 12, [], set(), None, None
    while position < len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        body = content[position + 8 : position + 8 + length]
        kinds.add(kind)
        if kind == b"VP8X":
            size = (1 + int.from_bytes(body[7:10], "little"), 1 + int.from_bytes(body[4:7], "little"))
        if kind == b"ANIM":
            loops = struct.unpack_from("<H", body, 4)[0]
        if kind == b"ANMF":
            milliseconds.append(int.from_bytes(body[12:15], "little"))
            kinds.add(body[16:20])
        position += 8 + length + length % 2
    return size, milliseconds, loops, kinds


def has_colour(picture, colour):
    """Where a picture (H, W, 3) has a colour such as #0072b2."""
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return (picture == wanted).all(axis=-1)
