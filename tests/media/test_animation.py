import json
import subprocess
import zipfile
from dataclasses import replace

import av
import numpy as np
import pytest
from decoding import decode, gif_blocks, psnr, webp_chunks
from PIL import Image

from ddim.media.animation import SUFFIXES, ExportConfig, check_size, durations, enlarge, file_name, save_animation

RECIPE = {"command": "animate", "weights": "flowers64", "seeds": [7], "num_steps": 5, "note": "ü – 花"}
PLAIN = ExportConfig(frames_per_second=10, hold_first=0.5, hold_last=1.0, factor=2)


@pytest.fixture(scope="module")
def frames():
    """Five frames of 6 x 8 pixels: a few colours that drift, so that all formats can keep them."""
    rows, columns = np.mgrid[0:6, 0:8]
    base = np.stack([20 * rows + 60, 12 * columns + 80, 120 - 5 * rows], axis=-1)
    return np.stack([base + 20 * index for index in range(5)]).astype(np.uint8)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (4, 10, 12, 3), np.uint8)


def saved(folder, suffix, frames, config=PLAIN, **options):
    path = folder / f"film{suffix}"
    save_animation(path, frames, config, RECIPE, **options)
    return path


def test_a_gif_has_all_frames_their_durations_and_one_palette(tmp_path, frames):
    path = saved(tmp_path, ".gif", frames)
    assert gif_blocks(path) == ((12, 16), [500, 100, 100, 100, 1000], 0, False)
    decoded = decode(path, 12, 16)
    assert len(decoded) == 5
    for shown, frame in zip(decoded, frames, strict=True):
        assert psnr(shown, frame.repeat(2, axis=0).repeat(2, axis=1)) > 30


def test_what_stands_still_does_not_crawl_in_a_gif(tmp_path, noise):
    still = np.linspace(0, 255, 10 * 12 * 3).reshape(10, 12, 3).astype(np.uint8)
    frames = np.concatenate([np.stack([still] * 4), noise], axis=2)
    left = decode(saved(tmp_path, ".gif", frames), 20, 48)[:, :, :24]
    assert (left == left[0]).all()
    assert psnr(left[0], still.repeat(2, axis=0).repeat(2, axis=1)) > 25


def test_a_gif_of_a_few_colours_is_nearly_exact(tmp_path):
    colours = np.array([[250, 20, 30], [20, 240, 60], [10, 30, 200], [128, 128, 128]], np.uint8)
    frames = colours[np.random.default_rng(0).integers(0, 4, (3, 8, 8))]
    decoded = decode(saved(tmp_path, ".gif", frames), 16, 16)
    assert np.abs(decoded.astype(int) - frames.repeat(2, axis=1).repeat(2, axis=2)).max() <= 2


@pytest.mark.parametrize("config", [PLAIN, ExportConfig(enlargement="lanczos", factor=3)], ids=["nearest", "lanczos"])
def test_a_webp_has_exactly_the_pixels(tmp_path, noise, config):
    path = saved(tmp_path, ".webp", noise, config)
    truth = np.stack([enlarge(frame, config) for frame in noise])
    np.testing.assert_array_equal(decode(path, *truth.shape[1:3]), truth)


def test_a_webp_has_all_frames_their_durations_and_is_lossless(tmp_path, frames):
    size, milliseconds, loops, kinds = webp_chunks(saved(tmp_path, ".webp", frames))
    assert (size, milliseconds, loops) == ((12, 16), [500, 100, 100, 100, 1000], 0)
    assert b"VP8L" in kinds and b"VP8 " not in kinds


def test_a_webp_that_need_not_be_lossless_is_smaller_and_looks_the_same(tmp_path):
    smooth = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None] * 3, (3, 64, 64, 3)).copy()
    smooth += np.random.default_rng(0).integers(0, 12, smooth.shape, dtype=np.uint8)
    exact = saved(tmp_path, ".webp", smooth).stat().st_size
    path = saved(tmp_path, ".webp", smooth, replace(PLAIN, lossless=False))
    assert path.stat().st_size < exact / 2
    assert psnr(decode(path, 128, 128), np.stack([enlarge(frame, PLAIN) for frame in smooth])) > 30


def test_what_plays_once_says_so(tmp_path, frames):
    once = ExportConfig(repeat=False)
    assert gif_blocks(saved(tmp_path, ".gif", frames, once))[2] is None
    assert webp_chunks(saved(tmp_path, ".webp", frames, once))[2] == 1


def test_an_mp4_is_h264_for_browsers_and_repeats_what_stays(tmp_path, frames):
    with av.open(str(saved(tmp_path, ".mp4", frames))) as video:
        (stream,) = video.streams
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 16, 12)
        assert stream.average_rate == 10
        shown = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
    expected = np.repeat(frames, [5, 1, 1, 1, 10], axis=0)
    assert len(shown) == len(expected)
    for pixels, frame in zip(shown, expected, strict=True):
        assert psnr(pixels, frame.repeat(2, axis=0).repeat(2, axis=1)) > 30


def test_an_mp4_begins_with_its_index_so_that_it_plays_while_it_loads(tmp_path, frames):
    content = saved(tmp_path, ".mp4", frames).read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_an_mp4_says_by_which_standard_its_colours_are_made(tmp_path, frames):
    content = saved(tmp_path, ".mp4", frames).read_bytes()
    at = content.index(b"colrnclx") + 8
    assert content[at : at + 7] == bytes([0, 1, 0, 1, 0, 1, 0])  # BT.709 three times, limited range


def test_odd_sides_of_an_mp4_grow_by_a_pixel(tmp_path):
    frames = np.full((3, 7, 9, 3), 90, np.uint8)
    path = saved(tmp_path, ".mp4", frames, ExportConfig(factor=1))
    decoded = decode(path, 8, 10)
    assert np.abs(decoded.astype(int) - 90).max() <= 2


def test_a_png_shows_all_frames_side_by_side(tmp_path, noise):
    (sheet,) = decode(saved(tmp_path, ".png", noise), 40, 48)
    for index, frame in enumerate(noise):
        row, column = divmod(index, 2)
        place = sheet[20 * row : 20 * row + 20, 24 * column : 24 * column + 24]
        np.testing.assert_array_equal(place, frame.repeat(2, axis=0).repeat(2, axis=1))


def test_a_zip_has_every_frame_with_its_recipe_and_a_manifest(tmp_path, noise):
    recipes = [{"seed": index} for index in range(4)]
    path = saved(tmp_path, ".zip", noise, frame_recipes=recipes)
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["recipe"] == RECIPE
        assert [frame["milliseconds"] for frame in manifest["frames"]] == [500, 100, 100, 1000]
        names = [frame["file"] for frame in manifest["frames"]]
        assert archive.namelist() == [*names, "manifest.json"] == [*sorted(names), "manifest.json"]
        assert {member.external_attr >> 16 for member in archive.infolist()} == {0o644}
        archive.extractall(tmp_path)
    for name, frame, recipe in zip(names, noise, recipes, strict=True):
        (pixels,) = decode(tmp_path / name, 20, 24)
        np.testing.assert_array_equal(pixels, frame.repeat(2, axis=0).repeat(2, axis=1))
        with Image.open(tmp_path / name) as picture:
            assert json.loads(picture.text["parameters"]) == recipe


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_frames_are_the_same_bytes(tmp_path, noise, suffix):
    first = saved(tmp_path, suffix, noise).read_bytes()
    assert saved(tmp_path, suffix, noise.copy()).read_bytes() == first


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_frame_is_an_animation_too(tmp_path, frames, suffix):
    assert saved(tmp_path, suffix, frames[:1]).stat().st_size > 0


@pytest.mark.parametrize("frames_per_second", [1, 7, 12, 24, 30, 50])
def test_durations_do_not_drift(frames_per_second):
    config = ExportConfig(frames_per_second=frames_per_second, hold_first=0, hold_last=0)
    milliseconds = durations(300, config)
    assert all(value % 10 == 0 and value >= 20 for value in milliseconds)
    assert abs(sum(milliseconds) - 300_000 / frames_per_second) <= 5


def test_holding_never_shortens_a_frame():
    assert durations(3, ExportConfig(frames_per_second=1, hold_first=0.2, hold_last=0)) == [1000, 1000, 1000]


def test_nearest_repeats_pixels_and_lanczos_keeps_a_flat_picture_flat(noise):
    large = enlarge(noise[0], ExportConfig(factor=3))
    np.testing.assert_array_equal(large[1::3, 1::3], noise[0])
    np.testing.assert_array_equal(large[::3, 2::3], noise[0])
    flat = np.full((4, 5, 3), 77, np.uint8)
    smooth = enlarge(flat, ExportConfig(factor=4, enlargement="lanczos"))
    assert smooth.shape == (16, 20, 3)
    assert (smooth == 77).all()


@pytest.mark.parametrize(
    "seeds, num_steps, name",
    [
        ([7], 40, "ddim-animate-seed7-40steps.gif"),
        ([3, 8], 20, "ddim-animate-seeds3-8-20steps.gif"),
        (range(7, 13), 40, "ddim-animate-seeds7to12-40steps.gif"),
        ([5], (1, 2, 5, 10), "ddim-animate-seed5-1-2-5-10steps.gif"),
        ([5], tuple(range(1, 21)), "ddim-animate-seed5-1to20steps.gif"),
    ],
)
def test_files_have_names_that_tell_what_is_inside(seeds, num_steps, name):
    assert file_name("animate", seeds, num_steps, ".gif") == name


WRONG = {
    "frames_per_second": [0, 51, 2.5, float("nan"), "fast"],
    "factor": [0, 17, 1.5],
    "hold_first": [-1, 11, float("nan")],
    "hold_last": [-1, 11, float("nan")],
    "enlargement": ["cubic"],
}


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_setting_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        ExportConfig(**{name: value})


@pytest.mark.parametrize("name", ["film", "film.bmp", "film.jpeg", "film.gif.exe"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path, frames, name):
    with pytest.raises(ValueError, match="must end in .gif, .webp, .mp4, .png or .zip"):
        save_animation(tmp_path / name, frames, PLAIN, RECIPE)
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_is_refused_with_what_would_fit():
    check_size("film.gif", 40, 128, 1024, ExportConfig(factor=4))
    with pytest.raises(ValueError, match="enlarged by 4 in a .gif file"):
        check_size("film.gif", 40, 128, 1024, ExportConfig(factor=5))
    with pytest.raises(ValueError, match="too many for one .mp4 file"):
        check_size("film.mp4", 10, 128, 5000, ExportConfig(factor=1))
    for num_frames in (0, 513):
        with pytest.raises(ValueError, match=f"1 to 512 frames, but {num_frames}"):
            check_size("film.gif", num_frames, 64, 64, PLAIN)


def test_unzip_finds_nothing_wrong(tmp_path, noise):
    path = saved(tmp_path, ".zip", noise)
    result = subprocess.run(["python3", "-m", "zipfile", "-t", str(path)], capture_output=True, text=True, timeout=100)
    assert "Done testing" in result.stdout
