import os

import numpy as np
import pytest
from picture_files import reds, save

from ddim.data import load_dataset, load_images, load_pictures
from ddim.data.folders import with_prefix


@pytest.mark.parametrize(
    ("train_name", "validation"),
    [("train", "validation"), ("Train", "VAL"), ("training", "valid"), ("training_set", "test_set"), ("TRAIN", "test")],
)
def test_folders_of_splits_are_kept_as_they_are_at_any_depth(tmp_path, train_name, validation):
    save(tmp_path / train_name / "roses" / "a.png", (1, 0, 0))
    save(tmp_path / train_name / "lilies" / "white" / "b.PNG", (2, 0, 0))
    save(tmp_path / train_name / "c.bmp", (3, 0, 0))
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


def test_two_loose_pictures_are_enough_for_both_parts(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    assert len(load_images(f"folder:{tmp_path}", "train", 8)) == 1
    assert len(load_images(f"folder:{tmp_path}", "validation", 8)) == 1


@pytest.mark.parametrize("dataset", ["folder:", "folder:/nowhere/at/all"])
def test_a_folder_that_is_not_there_is_an_error(dataset):
    with pytest.raises(ValueError, match=f"{dataset} names no folder"):
        load_images(dataset, "train", 8)


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


def test_the_cut_of_loose_pictures_hangs_on_their_paths_alone_and_cuts_through_every_folder(tmp_path):
    for number in range(200):
        for place in ("here", "there"):
            save(tmp_path / place / f"species {number // 20}" / f"{number % 20}.png", (number, 0, 0))
    here, there = (load_pictures(f"folder:{tmp_path / place}", "validation", 8) for place in ("here", "there"))
    np.testing.assert_array_equal(here.images, there.images)
    assert here.checksum == there.checksum
    names, counts = np.unique(here.class_names, return_counts=True)
    assert len(names) == 10  # though the same file names stand in all folders
    assert counts.max() < 20


def test_folders_behind_links_count_each_once_even_if_they_lead_in_circles(tmp_path):
    for name in ("rose", "tulip"):
        for number in range(5):
            save(tmp_path / "elsewhere" / name / f"{number}.png")
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "elsewhere" / "rose" / "back").symlink_to(tmp_path / "set")
    dataset = load_dataset(f"folder:{tmp_path / 'set'}", 8)
    assert dataset.summary == "8 training and 2 validation pictures of 2 classes"


def test_a_file_that_leads_nowhere_or_is_no_file_is_left_out(tmp_path):
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert "2 files left out (2 not pictures: gone.png, pipe.png)" in load_dataset(f"folder:{tmp_path}", 8).summary


def test_what_systems_and_programs_leave_lying_about_is_left_out_and_said(tmp_path):
    litter = ("._a.png", ".thumbnails/a.png", "@eaDir/a.png", "$RECYCLE.BIN/a.png", "__MACOSX/rose/a.png")
    for name in ("rose/a.png", "rose/b.png", *litter):
        save(tmp_path / name)
    (tmp_path / "rose" / "Thumbs.db").write_bytes(b"")
    (tmp_path / "README.txt").write_text("flowers")
    summary = load_dataset(f"folder:{tmp_path}", 8).summary
    assert summary.startswith("1 training and 1 validation pictures of 1 class; 7 files left out (7 not pictures: ")


@pytest.mark.parametrize("name", ["valid", "val", "test", "Validation"])
def test_pictures_to_measure_by_are_never_learned_from(tmp_path, name):
    for number in range(4):
        save(tmp_path / "rose" / f"{number}.png", (number, 0, 0))
        save(tmp_path / name / "rose" / f"{number}.png", (100 + number, 0, 0))
    dataset = load_dataset(f"folder:{tmp_path}", 8)
    assert reds(dataset.train.images) == [0, 1, 2, 3]
    assert reds(dataset.validation.images) == [100, 101, 102, 103]
    assert set(dataset.train.class_names) == set(dataset.validation.class_names) == {"rose"}


def test_pictures_outside_of_the_splits_are_left_out_and_said(tmp_path):
    for place in ("train/rose/a.png", "valid/rose/b.png", "test/rose/c.png", "d.png"):
        save(tmp_path / place)
    expected = "1 training and 1 validation pictures of 1 class; 2 files left out (2 outside of train and valid: "
    assert load_dataset(f"folder:{tmp_path}", 8).summary == expected + "d.png, test/rose/c.png)"


def test_a_part_to_learn_from_alone_is_cut_itself(tmp_path):
    for number in range(10):
        save(tmp_path / "train" / f"species {number % 2}" / f"{number}.png", (number, 0, 0))
    dataset = load_dataset(f"folder:{tmp_path}", 8)
    assert dataset.summary == "8 training and 2 validation pictures of 2 classes"


def test_folders_that_only_wrap_others_do_not_count(tmp_path):
    for number in range(5):
        for name in ("rose", "tulip"):
            save(tmp_path / "flowers" / "pictures" / name / f"{number}.png", (number, 0, 0))
    assert set(load_pictures(f"folder:{tmp_path}", "train", 8).class_names) == {"rose", "tulip"}


def test_a_path_is_understood_bare_and_in_quotes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my flowers").mkdir()
    for text in (f"{tmp_path}", f'"{tmp_path}"', f"'folder:{tmp_path}'", f"folder:'{tmp_path}'", f" {tmp_path} "):
        assert with_prefix(text) == f"folder:{tmp_path}"
    assert with_prefix("my flowers") == "folder:my flowers"
    assert with_prefix("~/flowers") == "folder:~/flowers"
    assert with_prefix("C:\\flowers") == "folder:C:\\flowers"
    (tmp_path / "cifar10").mkdir()
    for name in ("oxford_flowers102", "huggingface:mnist", "cifar10:3.0.2", "tfds:cifar10", ""):
        assert with_prefix(name) == name
