from pathlib import Path

import numpy as np
import pytest
from picture_files import only_picture, reds
from PIL import Image

from ddim.data import load_images, load_pictures


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
        images = load_images(f"tfds:{name}", "train", 16)
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
