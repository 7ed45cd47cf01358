import json
import zipfile

import numpy as np
import pytest
from PIL import Image

import ddim
from ddim import archives, checkpoints


@pytest.fixture
def run(tiny_model, tmp_path):
    checkpoints.save(tiny_model, tmp_path / "run" / "best")
    (tmp_path / "run" / "metrics.jsonl").write_text(json.dumps({"epoch": 1}) + "\n")
    return tmp_path / "run"


def write_zip(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def png(path, value):
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)
    return path


def test_a_packed_run_is_the_same_run_elsewhere(run, tmp_path):
    archives.pack_run(run, tmp_path / "run.zip")
    archives.unpack_run(tmp_path / "run.zip", tmp_path / "elsewhere" / "run")
    unpacked = tmp_path / "elsewhere" / "run"
    assert (unpacked / "metrics.jsonl").read_text() == (run / "metrics.jsonl").read_text()
    before, after = (ddim.generate(ddim.load(folder, "float32"), [3], num_steps=2) for folder in (run, unpacked))
    np.testing.assert_array_equal(before, after)


def test_a_run_without_weights_is_not_packed(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match="no weights yet"):
        archives.pack_run(tmp_path / "run", tmp_path / "run.zip")


@pytest.mark.parametrize("contents", [{}, {"best.json": "{}"}, {"best.weights.h5": b"", "best.json": "[]"}])
def test_a_zip_that_holds_no_weights_leaves_nothing_behind(tmp_path, contents):
    path = write_zip(tmp_path / "foreign.zip", contents)
    with pytest.raises(ValueError):
        archives.unpack_run(path, tmp_path / "runs" / "foreign")
    assert list((tmp_path / "runs").iterdir()) == []


def test_no_file_that_is_not_a_zip_is_unpacked(tmp_path):
    path = tmp_path / "text.zip"
    path.write_text("no zip")
    with pytest.raises(ValueError, match="text.zip is not a ZIP"):
        archives.unpack_run(path, tmp_path / "run")


def test_a_run_is_never_overwritten(run, tmp_path):
    archives.pack_run(run, tmp_path / "run.zip")
    with pytest.raises(ValueError, match="already"):
        archives.unpack_run(tmp_path / "run.zip", run)


def test_uploaded_pictures_land_in_one_folder_whatever_their_names(tmp_path):
    content = {
        "../../escaped.png": png(tmp_path / "a.png", 1).read_bytes(),
        "deep/b.png": b"another",
        "notes.txt": b"-",
    }
    path = write_zip(tmp_path / "pictures.zip", content)
    folder = archives.unpack_pictures([path, png(tmp_path / "c.PNG", 2)], tmp_path / "uploads")
    assert folder.parent == tmp_path / "uploads"
    assert len(list(folder.iterdir())) == 3
    assert not (tmp_path / "escaped.png").exists()
    assert sorted(path.suffix for path in folder.iterdir()) == [".png"] * 3


def test_a_picture_uploaded_twice_counts_once(tmp_path):
    paths = [png(tmp_path / name, 7) for name in ("a.png", "b.png")]
    folder = archives.unpack_pictures(paths, tmp_path / "uploads")
    assert len(list(folder.iterdir())) == 1
    assert archives.unpack_pictures(paths, tmp_path / "uploads") == folder


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_PICTURE_BYTES", 1000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.png", bytes(10_000_000))
    with pytest.raises(ValueError, match="larger than"):
        archives.unpack_pictures([path], tmp_path / "uploads")
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(("bound", "value"), [("MAX_PICTURES", 2), ("MAX_PICTURES_BYTES", 100)])
def test_an_upload_has_bounds(tmp_path, monkeypatch, bound, value):
    monkeypatch.setattr(archives, bound, value)
    paths = [png(tmp_path / f"{index}.png", index) for index in range(5)]
    with pytest.raises(ValueError, match="at most"):
        archives.unpack_pictures(paths, tmp_path / "uploads")


def test_an_upload_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures"):
        archives.unpack_pictures([write_zip(tmp_path / "text.zip", {"a.txt": "text"})], tmp_path / "uploads")
