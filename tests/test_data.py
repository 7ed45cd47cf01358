import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import run_python

from ddim.data import load_images, load_pictures

FLOWERS = Path(os.environ.get("DDIM_TEST_DATA", Path(__file__).parents[2] / "shared")) / "flowers"


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


@pytest.mark.parametrize("validation", ["validation", "val", "test"])
def test_folders_of_splits_are_kept_as_they_are_at_any_depth(tmp_path, validation):
    save(tmp_path / "train" / "roses" / "a.png", (1, 0, 0))
    save(tmp_path / "train" / "lilies" / "white" / "b.PNG", (2, 0, 0))
    save(tmp_path / "train" / "c.bmp", (3, 0, 0))
    save(tmp_path / validation / "roses" / "d.png", (4, 0, 0))
    train, held_out = (load_images(f"folder:{tmp_path}", split, 8) for split in ("train", "validation"))
    assert train.shape == (3, 8, 8, 3) and train.dtype == np.uint8
    assert reds(train) == [1, 2, 3]
    assert reds(held_out) == [4]


def test_loose_pictures_are_cut_80_to_20_and_none_is_in_both_parts(tmp_path):
    for number in range(50):
        save(tmp_path / f"class_{number % 3}" / f"{number}.png", (number, 0, 0))
    train, held_out = (reds(load_images(f"folder:{tmp_path}", split, 8)) for split in ("train", "validation"))
    assert len(train) == 40 and len(held_out) == 10
    assert sorted(train + held_out) == list(range(50))
    assert held_out != list(range(40, 50))


def test_the_cut_of_loose_pictures_hangs_on_their_names_alone(tmp_path):
    for number in range(20):
        save(tmp_path / "here" / f"{number}.png", (number, 0, 0))
        save(tmp_path / "there" / str(number % 7) / f"{number}.png", (number, 0, 0))
    here, there = (load_images(f"folder:{tmp_path / place}", "train", 8) for place in ("here", "there"))
    np.testing.assert_array_equal(here, there)


def test_two_loose_pictures_are_enough_for_both_parts(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    assert len(load_images(f"folder:{tmp_path}", "train", 8)) == 1
    assert len(load_images(f"folder:{tmp_path}", "validation", 8)) == 1


def only_picture(tmp_path: Path, picture: Image.Image, name: str, image_size: int = 8, **options) -> np.ndarray:
    for split in ("train", "validation"):
        (tmp_path / split).mkdir(parents=True)
        picture.save(tmp_path / split / name, **options)
    images = load_images(f"folder:{tmp_path}", "train", image_size)
    assert len(images) == 1
    return images[0]


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


def test_pictures_that_cannot_be_used_are_skipped_with_one_warning_that_counts_them(tmp_path, caplog):
    folder = tmp_path / "train"
    save(folder / "good.png")
    save(folder / "enlarged.png", size=(8, 9))
    save(folder / "tiny.png", size=(7, 300))
    Image.fromarray(np.zeros((16, 16), np.float32)).save(folder / "unknown-range.tiff")
    save(folder / "whole.jpg", size=(64, 64))
    (folder / "whole.jpg").rename(folder / "truncated.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "truncated.jpg").read_bytes()[:-200])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "a-text.jpg").write_text("roses are red")
    (folder / "headless.png").write_bytes(png_header(16, 16))
    save(tmp_path / "validation" / "good.png")

    images = load_images(f"folder:{tmp_path}", "train", 16)
    assert images.shape == (2, 16, 16, 3) and (images == (200, 100, 50)).all()
    (record,) = caplog.records
    assert record.name == "ddim" and record.levelname == "WARNING"
    assert "Skipped 6 of 8 train pictures" in record.message
    assert "a-text.jpg" in record.message

    caplog.clear()
    load_images(f"folder:{tmp_path}", "validation", 16)
    assert not caplog.records


@pytest.mark.parametrize("size", [(8001, 8000), (60_000, 60_000)])
def test_pictures_too_large_to_decode_are_refused_by_their_header(tmp_path, caplog, size):
    save(tmp_path / "train" / "good.png")
    (tmp_path / "train" / "bomb.png").write_bytes(png_header(*size))
    save(tmp_path / "validation" / "good.png")
    assert len(load_images(f"folder:{tmp_path}", "train", 8)) == 1
    assert "megapixels" in caplog.text or "decompression bomb" in caplog.text


def test_hidden_files_and_other_files_are_no_pictures(tmp_path, caplog):
    for path in ("train/a.png", "train/._a.png", "train/.thumbnails/a.png", "validation/a.png"):
        save(tmp_path / path)
    (tmp_path / "train" / "README.txt").write_text("flowers")
    assert len(load_images(f"folder:{tmp_path}", "train", 8)) == 1
    assert not caplog.records


@pytest.mark.parametrize("dataset", ["folder:", "folder:/nowhere/at/all"])
def test_a_folder_that_is_not_there_is_an_error(dataset):
    with pytest.raises(ValueError, match=f"{dataset} names no folder"):
        load_images(dataset, "train", 8)


def test_a_folder_without_pictures_says_what_was_looked_for(tmp_path):
    with pytest.raises(ValueError, match="no readable picture for train: looked for files ending in .jpg"):
        load_images(f"folder:{tmp_path}", "train", 8)


def test_a_folder_without_readable_pictures_says_what_is_wrong_with_one(tmp_path):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, size=(4, 4))
    with pytest.raises(ValueError, match="no readable picture for train: ..png: 4 x 4 is smaller than 8 pixels"):
        load_images(f"folder:{tmp_path}", "train", 8)


def test_an_unknown_split_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="'test' was asked for"):
        load_images(f"folder:{tmp_path}", "test", 8)


@pytest.mark.skipif(not FLOWERS.is_dir(), reason=f"there is no {FLOWERS}")
def test_all_real_flowers_are_readable(caplog):
    images = load_images(f"folder:{FLOWERS}", "validation", 64)
    assert images.shape == (1109, 64, 64, 3)
    assert images.std(axis=(1, 2, 3)).min() > 10
    assert not caplog.records


def write_tfds(folder: Path, name: str, splits: dict[str, list[np.ndarray]]) -> None:
    """A prepared TFDS set, as a download leaves it on the disk."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True)
    labels = tfds.features.ClassLabel(names=[f"species {number}" for number in range(102)])
    features = tfds.features.FeaturesDict({"image": tfds.features.Image(), "label": labels})
    split_infos = []
    for split, images in splits.items():
        with tf.io.TFRecordWriter(str(folder / f"{name}-{split}.tfrecord-00000-of-00001")) as writer:
            for index, image in enumerate(images):
                example = features.encode_example({"image": image, "label": index})
                writer.write(features.serialize_example(example))
        template = tfds.core.ShardedFileTemplate(folder, dataset_name=name, split=split, filetype_suffix="tfrecord")
        split_infos.append(tfds.core.SplitInfo(split, [len(images)], 0, filename_template=template))
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features, split_infos=split_infos)
    tfds.core.add_data_dir(str(folder.parents[1]))


@pytest.mark.parametrize(("name", "version"), [("tiny_pictures", "1.0.0"), ("oxford_flowers102", "2.1.1")])
def test_all_splits_of_a_tfds_set_are_joined_and_each_is_cut_80_to_20(tmp_path, name, version):
    values = {"train": range(10), "test": range(100, 120), "validation": range(200, 205)}
    splits = {split: [np.full((16, 16, 3), value, np.uint8) for value in values[split]] for split in values}
    write_tfds(tmp_path / name / version, name, splits)
    train, held_out = (reds(load_images(name, split, 8)) for split in ("train", "validation"))
    assert train == [*range(8), *range(100, 116), *range(200, 204)]
    assert held_out == [8, 9, *range(116, 120), 204]


@pytest.mark.parametrize("name", ["oxford_flowers102", "cifar10", "celeb_a", "caltech_birds2011", "mnist"])
def test_tfds_sets_with_pictures_of_any_size_and_grey_ones_can_be_read(name):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=3):
        images = load_images(name, "train", 16)
    assert images.shape == (3, 16, 16, 3) and images.dtype == np.uint8


def test_classes_of_a_tfds_set_are_the_names_of_its_labels(tmp_path):
    splits = {"train": [np.full((16, 16, 3), 9, np.uint8)] * 10}
    write_tfds(tmp_path / "labelled_pictures" / "1.0.0", "labelled_pictures", splits)
    names = load_pictures("labelled_pictures", "validation", 8).class_names
    assert names.tolist() == ["species 8", "species 9"]


def test_a_tfds_set_without_labels_has_no_classes():
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=3):
        assert load_pictures("celeb_a", "train", 16).class_names.tolist() == ["", "", ""]


def test_classes_of_a_folder_are_the_names_of_the_first_folders_in_it(tmp_path):
    for place in (
        "train/rose/a.png",
        "train/rose/wild/b.png",
        "train/tulip/c.png",
        "train/d.png",
        "validation/rose/e.png",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / place)
    assert load_pictures(f"folder:{tmp_path}", "train", 8).class_names.tolist() == ["", "rose", "rose", "tulip"]
    assert load_pictures(f"folder:{tmp_path}", "validation", 8).class_names.tolist() == ["rose"]


def test_a_picture_that_cannot_be_read_takes_its_class_with_it(tmp_path):
    for place in ("train/rose/a.png", "train/tulip/c.png", "validation/rose/e.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / place)
    (tmp_path / "train/rose/a.png").write_bytes(b"no picture")
    assert load_pictures(f"folder:{tmp_path}", "train", 8).class_names.tolist() == ["tulip"]


def test_a_picture_is_the_same_from_tfds_and_from_a_folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 31, 3), dtype=np.uint8)
    write_tfds(tmp_path / "noisy_pictures" / "1.0.0", "noisy_pictures", {"train": [pixels] * 5})
    image = load_images("noisy_pictures", "validation", 12)[0]
    np.testing.assert_array_equal(image, only_picture(tmp_path / "folder", Image.fromarray(pixels), "a.png", 12))


def test_an_unknown_tfds_name_points_to_folders():
    with pytest.raises(ValueError, match="cannot find the data set 'no_such_flowers' .*folder:PATH"):
        load_images("no_such_flowers", "train", 8)


def test_a_tfds_set_without_pictures_points_to_folders():
    with pytest.raises(ValueError, match="imdb_reviews has no 8-bit pictures named `image`; folder:PATH"):
        load_images("imdb_reviews", "train", 8)


def test_a_failed_download_points_to_folders(monkeypatch):
    import tensorflow_datasets as tfds

    def unreachable(self):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    with pytest.raises(OSError, match="cannot download cifar10 .Name or service not known.; folder:PATH"):
        load_images("cifar10", "train", 8)


def test_folders_need_no_tensorflow(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    program = (
        "import sys; from ddim.data import load_images; "
        f"load_images('folder:{tmp_path}', 'train', 8); sys.exit('tensorflow' in sys.modules)"
    )
    run_python("-c", program)
