import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import save
from tiny_runs import run_python

import ddim.data.pictures
from ddim.data import load_dataset, load_images, load_pictures

FLOWERS = Path(os.environ.get("DDIM_TEST_DATA", Path(__file__).parents[3] / "shared")) / "flowers"


def test_an_unknown_split_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="'test' was asked for"):
        load_images(f"folder:{tmp_path}", "test", 8)


@pytest.mark.skipif(not FLOWERS.is_dir(), reason=f"there is no {FLOWERS}")
def test_all_real_flowers_are_readable(caplog):
    images = load_images(f"folder:{FLOWERS}", "validation", 64)
    assert images.shape == (1109, 64, 64, 3)
    assert images.std(axis=(1, 2, 3)).min() > 10
    assert not caplog.records


def test_a_picture_that_cannot_be_read_takes_its_class_with_it(tmp_path):
    for place in ("train/rose/a.png", "train/tulip/c.png", "validation/rose/e.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / place)
    (tmp_path / "train/rose/a.png").write_bytes(b"no picture")
    assert load_pictures(f"folder:{tmp_path}", "train", 8).class_names.tolist() == ["tulip"]


def test_folders_need_no_tensorflow(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    program = (
        "import sys; from ddim.data import load_images; "
        f"load_images('folder:{tmp_path}', 'train', 8); sys.exit('tensorflow' in sys.modules)"
    )
    run_python("-c", program)


def test_what_was_left_out_is_counted_by_reason_in_one_line(tmp_path):
    for name in ("a.png", "b.png", "c.png", "d.png", "e.png"):
        save(tmp_path / name)
    save(tmp_path / "tiny.png", size=(4, 4))
    for name in ("1.txt", "2.txt", "3.txt", "4.txt"):
        (tmp_path / name).write_text("roses are red")
    assert load_dataset(f"folder:{tmp_path}", 8).summary == (
        "4 training and 1 validation pictures; 5 files left out "
        "(4 not pictures: 1.txt, 2.txt, 3.txt, ...; 1 under 8 pixels wide or high: tiny.png)"
    )


def test_one_split_alone_tells_in_one_warning_what_was_left_out_of_it(tmp_path, caplog):
    save(tmp_path / "train" / "a.png")
    save(tmp_path / "train" / "tiny.png", size=(4, 4))
    save(tmp_path / "validation" / "b.png")
    load_images(f"folder:{tmp_path}", "train", 8)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "1 file left out (1 under 8 pixels wide or high: train/tiny.png)" in record.message
    caplog.clear()
    load_images(f"folder:{tmp_path}", "validation", 8)
    assert not caplog.records


@pytest.mark.parametrize(
    ("count", "parts"), [(0, "learn from: 0, and to measure by: 0"), (1, "learn from: 1, and to measure by: 0")]
)
def test_with_too_few_pictures_the_true_reason_is_told(tmp_path, count, parts):
    for number in range(count):
        save(tmp_path / f"{number}.png")
    save(tmp_path / "tiny.png", size=(4, 4))
    with pytest.raises(ValueError, match=f"has pictures to {parts}, but both are needed; 1 file left out .*tiny.png"):
        load_dataset(f"folder:{tmp_path}", 8)


def test_grey_pictures_are_said_to_be_learned_as_rgb(tmp_path):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, (90, 90, 90))
    assert "all grey, which are learned as RGB" in load_dataset(f"folder:{tmp_path}", 8).summary
    save(tmp_path / "c.png", (90, 0, 0))
    assert "grey" not in load_dataset(f"folder:{tmp_path}", 8).summary


def test_what_has_been_read_is_kept_until_a_picture_changes(tmp_path, monkeypatch):
    for number in range(10):
        save(tmp_path / "set" / f"species {number % 2}" / f"{number}.png", (number, 0, 0))
    dataset, cache = f"folder:{tmp_path / 'set'}", tmp_path / "pictures.npz"
    first = load_dataset(dataset, 8, cache=cache)

    read, files = ddim.data.pictures.read_picture, []
    monkeypatch.setattr(ddim.data.pictures, "read_picture", lambda file, size: files.append(file) or read(file, size))
    again = load_dataset(dataset, 8, cache=cache)
    assert not files
    assert again.summary == first.summary
    for part, expected in ((again.train, first.train), (again.validation, first.validation)):
        np.testing.assert_array_equal(part.images, expected.images)
        assert part.class_names.tolist() == expected.class_names.tolist()
        assert part.checksum == expected.checksum

    assert load_dataset(dataset, 12, cache=cache).train.images.shape == (8, 12, 12, 3)
    assert len(files) == 10
    save(tmp_path / "set" / "species 0" / "0.png", (255, 255, 0))
    assert 255 in np.concatenate([part.images[:, 0, 0, 1] for part in load_dataset(dataset, 12, cache=cache)[:2]])
    cache.write_bytes(b"damaged")
    assert load_dataset(dataset, 8, cache=cache).summary == first.summary
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["pictures.npz"]


def test_what_is_only_to_be_read_is_not_written(tmp_path):
    for number in range(10):
        save(tmp_path / "set" / f"{number}.png", (number, 0, 0))
    load_dataset(f"folder:{tmp_path / 'set'}", 8, cache=tmp_path / "pictures.npz", write_cache=False)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_reading_tells_how_far_it_is(tmp_path):
    for number in range(70):
        save(tmp_path / f"{number}.png", size=(8, 8))
    lines = []
    load_dataset(f"folder:{tmp_path}", 8, lines.append)
    assert lines == ["reading pictures: 1 of 70", "reading pictures: 65 of 70"]
