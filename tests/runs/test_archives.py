import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

import ddim
from ddim.data import load_dataset
from ddim.errors import UserError
from ddim.model import weights
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.unet import build_unet
from ddim.model.weights import available, save
from ddim.runs import archives
from ddim.runs.archives import RUN_FILES, pack_run, unpack_pictures, unpack_run
from ddim.runs.folder import append_metrics, recorded
from ddim.ui.tabs.train import plots, standing

LINES = [
    {"step": 3, "loss": 0.5},
    {"epoch": 1, "step": 4, "loss": 0.5, "val_loss": 0.6, "kid": None, "learning_rate": 0.001},
    {"epoch": 2, "step": 8, "loss": 0.4, "val_loss": 0.5, "kid": 0.25, "learning_rate": 0.001},
]


@pytest.fixture
def run(tiny_model, tmp_path):
    save(tiny_model, tmp_path / "run" / "best")
    (tmp_path / "run" / "config.json").write_text(json.dumps({"dataset": "cifar10"}))
    for line in LINES:
        append_metrics(tmp_path / "run", **line)
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
    pack_run(run, tmp_path / "run.zip")
    unpack_run(tmp_path / "run.zip", tmp_path / "elsewhere" / "run")
    unpacked = tmp_path / "elsewhere" / "run"
    assert (unpacked / "metrics.jsonl").read_text() == (run / "metrics.jsonl").read_text()
    before, after = (ddim.generate(ddim.load(folder, "float32"), [3], num_steps=2) for folder in (run, unpacked))
    np.testing.assert_array_equal(before, after)


def test_a_run_is_packed_without_the_line_that_it_is_writing(run, tmp_path):
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "lo')
    pack_run(run, tmp_path / "run.zip")
    unpack_run(tmp_path / "run.zip", tmp_path / "elsewhere" / "run")
    lines = (tmp_path / "elsewhere" / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == LINES


def test_a_run_is_packed_with_the_card_of_its_weights_while_both_are_replaced(run, tmp_path, monkeypatch, tiny_model):
    kept = (run / "best.json").read_text()
    monkeypatch.setattr("ddim.model.weights.replace_file", stop_after_the_card)
    with pytest.raises(InterruptedError):
        save(fresh(tiny_model), run / "best")
    assert (run / "best.json").read_text() != kept
    pack_run(run, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert json.loads(archive.read("best.json")) == json.loads(kept)


def stop_after_the_card(unfinished, path):
    if path.suffix != ".json":
        raise InterruptedError
    unfinished.replace(path)


def fresh(model):
    """The same kind of model with other numbers."""
    return DiffusionModel(model.config, build_unet(model.config.network), model.normalizer)


def upload(run, tmp_path, **contents):
    """Unpack a ZIP of this run in which files have other contents, as a run that is returned."""
    files = {name: (run / name).read_bytes() for name in RUN_FILES}
    path = write_zip(tmp_path / "upload.zip", files | contents)
    unpack_run(path, tmp_path / "uploaded" / "run")
    return tmp_path / "uploaded" / "run"


@pytest.mark.parametrize(
    "line",
    [
        {"epoch": "<img src=x onerror=alert(1)>", "step": 4, "loss": 0.1, "val_loss": 0.1},
        {"epoch": 1, "step": "<b>4</b>", "loss": 0.1, "val_loss": 0.1},
        {"epoch": 1, "step": 4, "loss": 0.1, "val_loss": 0.1, "kid": "<b>"},
        {"epoch": 1, "step": 4, "loss": 0.1, "val_loss": [0.1]},
        {"epoch": 1, "step": 4, "loss": 0.1, "val_loss": None},
        {"epoch": 1, "step": 4, "loss": 0.1},
        {"epoch": 1.5, "step": 4, "loss": 0.1, "val_loss": 0.1},
        {"epoch": None, "step": 4, "loss": 0.1, "val_loss": 0.1},
        {"epoch": True, "step": 4, "loss": 0.1, "val_loss": 0.1},
        {"epoch": 0, "step": 4, "loss": 0.1, "val_loss": 0.1},
        {"epoch": 10**100, "step": 4, "loss": 0.1, "val_loss": 0.1},
        {"step": 4, "loss": float("inf")},
        {"step": 4},
        {"loss": 0.1},
        [],
        "text",
        7,
        None,
    ],
)
def test_an_upload_whose_metrics_are_not_what_plots_show_is_refused_and_leaves_nothing(run, tmp_path, line):
    lines = [json.dumps(LINES[0]), json.dumps(line)]
    with pytest.raises(ValueError, match="^Line 2 of metrics.jsonl in the upload must be a JSON object of numbers"):
        upload(run, tmp_path, **{"metrics.jsonl": "\n".join(lines)})
    assert list((tmp_path / "uploaded").iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 100_000, b"\xff\xfe", '{"step": 1, "loss": 1, "a\u2028{}\u2028b": 1}', '{"step": 1' + "0" * 5000 + "}"],
    ids=["torn", "nested", "no text", "lines within a line", "a number without end"],
)
def test_an_upload_whose_metrics_are_not_json_is_refused(run, tmp_path, text):
    with pytest.raises(ValueError, match="in the upload is not JSON"):
        upload(run, tmp_path, **{"metrics.jsonl": text})


@pytest.mark.parametrize("config", [[], "text", None, {}, {"dataset": 3}, {"dataset": ["<b>"]}])
def test_an_upload_whose_config_names_no_dataset_is_refused(run, tmp_path, config):
    with pytest.raises(ValueError, match="^config.json in the upload must be a JSON object that names its dataset.$"):
        upload(run, tmp_path, **{"config.json": json.dumps(config)})


def test_an_upload_has_no_text_without_end(run, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_METRICS_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="larger than 1 MB"):
        upload(run, tmp_path, **{"metrics.jsonl": "\n" * (2 << 20)})


def test_nobody_sees_an_upload_before_it_is_checked(run, tiny_model, tmp_path, monkeypatch):
    def seen():
        return recorded(tmp_path / "uploaded") + available(tmp_path / "uploaded")

    def load(folder, precision):
        assert (folder / "config.json").exists()
        assert seen() == before
        return tiny_model

    before = seen()
    monkeypatch.setattr(archives, "load", load)
    assert upload(run, tmp_path) in recorded(tmp_path / "uploaded")


def with_network(run, **network):
    """The card of the run, whose network is said to be another."""
    card = json.loads((run / "best.json").read_text())
    card["model"]["network"] |= network
    return json.dumps(card)


LARGE = {"widths": [512, 1024, 2048], "block_depth": 2}


def test_an_upload_whose_card_tells_of_a_large_network_is_refused_before_anything_is_built(run, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "build_unet", lambda config: pytest.fail("A network was built."))
    with pytest.raises(ValueError, match="best.weights.h5 is too small for the network that its card describes"):
        upload(run, tmp_path, **{"best.json": with_network(run, image_size=64, **LARGE)})
    assert list((tmp_path / "uploaded").iterdir()) == []


def test_an_upload_whose_pictures_would_take_all_memory_is_refused(run, tmp_path):
    # The weights are the same for pictures of any size.
    assert upload(run, tmp_path, **{"best.json": with_network(run, image_size=64)}).name == "run"
    shutil.rmtree(tmp_path / "uploaded")
    with pytest.raises(ValueError, match="would take more memory than an upload may"):
        upload(run, tmp_path, **{"best.json": with_network(run, image_size=2048)})
    assert list((tmp_path / "uploaded").iterdir()) == []


@pytest.mark.parametrize("name", ["best.json", "config.json"])
def test_a_card_and_a_config_are_short(run, tmp_path, name):
    with pytest.raises(ValueError, match="A file in the upload is larger than 1 MB"):
        upload(run, tmp_path, **{name: (run / name).read_text() + " " * (2 << 20)})


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_upload_that_can_only_be_unpacked_at_one_go_is_refused_in_a_sentence(run, tmp_path, method):
    with zipfile.ZipFile(tmp_path / "run.zip", "w", method) as archive:
        for name in RUN_FILES:
            archive.write(run / name, name)
    with pytest.raises(UserError, match="it must be stored or deflated"):
        unpack_run(tmp_path / "run.zip", tmp_path / "uploaded" / "run")


def test_an_uploaded_run_is_shown_as_it_says_and_brings_no_status(run, tmp_path):
    status = json.dumps({"state": "<script>", "message": "<script>"})
    uploaded = upload(run, tmp_path, **{"status.json": status, "samples/epoch_0001.png": "no picture"})
    assert sorted(path.name for path in uploaded.iterdir()) == sorted(RUN_FILES)
    assert "best epoch ★ 2: KID 250.0" in standing.describe(uploaded)
    assert sum(len(line["points"]) for line in plots.losses([uploaded])) == 5


def test_a_run_without_weights_is_not_packed(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match="no weights in"):
        pack_run(tmp_path / "run", tmp_path / "run.zip")


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({}, "is not a packed run"),
        ({"best.json": "{}", "config.json": "{}", "metrics.jsonl": ""}, "it must contain best.weights.h5.$"),
        ({"best.weights.h5": b"", "best.json": "{}"}, "it must contain config.json, metrics.jsonl.$"),
        (
            {"best.weights.h5": b"", "best.json": "[]", "config.json": '{"dataset": ""}', "metrics.jsonl": ""},
            "does not describe weights",
        ),
    ],
)
def test_a_zip_that_holds_no_weights_leaves_nothing_behind(tmp_path, contents, sentence):
    path = write_zip(tmp_path / "foreign.zip", contents)
    with pytest.raises(ValueError, match=sentence):
        unpack_run(path, tmp_path / "runs" / "foreign")
    assert list((tmp_path / "runs").iterdir()) == []


def test_no_file_that_is_not_a_zip_is_unpacked(tmp_path):
    path = tmp_path / "text.zip"
    path.write_text("no zip")
    with pytest.raises(ValueError, match="text.zip is not a ZIP"):
        unpack_run(path, tmp_path / "run")


def test_a_run_is_never_overwritten(run, tmp_path):
    pack_run(run, tmp_path / "run.zip")
    with pytest.raises(ValueError, match="already"):
        unpack_run(tmp_path / "run.zip", run)


def test_uploaded_pictures_land_in_one_folder_whatever_their_names(tmp_path):
    content = {
        name: png(tmp_path / "a.png", 1).read_bytes() for name in ("../../escaped.png", "/etc/b.png", "deep/<b>/b")
    }
    path = write_zip(tmp_path / "pictures.zip", content | {"notes.txt": b"-"})
    folder, summary = unpack_pictures([path, png(tmp_path / "c.PNG", 2)], tmp_path / "uploads")
    assert folder.parent == tmp_path / "uploads"
    assert not (tmp_path / "escaped.png").exists()
    places = [path.parent.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(places) == [".", ".", "deep/b", "etc"]
    assert summary == "4 pictures; 1 file left out (1 not pictures: notes.txt)"


def test_uploaded_pictures_keep_their_classes_and_splits(tmp_path):
    places = ["bird's foot, wild (L.)", "Gänseblümchen", "rose"]
    pictures = {
        f"flowers/{split}/{place}/{number}.png": png(tmp_path / "one.png", 10 * len(place) + number).read_bytes()
        for place in places
        for split, numbers in (("train", range(4)), ("valid", range(4, 5)))
        for number in numbers
    }
    folder, _ = unpack_pictures([write_zip(tmp_path / "classes.zip", pictures)], tmp_path / "uploads")
    dataset = load_dataset(f"folder:{folder}", 8)
    assert dataset.summary == "12 training and 3 validation pictures of 3 classes, all grey, which are learned as RGB"
    assert sorted(set(dataset.train.class_names)) == sorted(places)
    assert {path.name for path in (tmp_path / "uploads").iterdir()} == {folder.name}


def test_a_zip_of_a_mac_holds_no_litter_and_one_of_windows_has_folders(tmp_path):
    content = png(tmp_path / "a.png", 1).read_bytes()
    names = ("rose\\a.png", "__MACOSX/rose/._a.png", "._b.png", ".DS_Store")
    folder, summary = unpack_pictures(
        [write_zip(tmp_path / "mac.zip", dict.fromkeys(names, content))], tmp_path / "uploads"
    )
    assert [path.parent.name for path in folder.rglob("*.png")] == ["rose"]
    assert summary.startswith("1 pictures; 3 files left out (3 not pictures: .DS_Store, ._b.png, __MACOSX/")


def test_neither_a_packed_nor_an_unpacked_run_says_where_things_lie(run, tmp_path):
    where = {"dataset": "folder:/home/ann/roses", "inception_weights": "/home/ann/encoder.h5", "init_weights": "/x/y"}
    where |= {"distillation": {"teacher": "/home/ann/runs/species", "steps": 4}}
    (run / "config.json").write_text(json.dumps(where))
    card = json.loads((run / "best.json").read_text())
    (run / "best.json").write_text(json.dumps({**card, "training": where}))
    pack_run(run, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert not [name for name in archive.namelist() if b"/ann/" in archive.read(name)]
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["config.json"] = json.dumps(where).encode()
    unpack_run(write_zip(tmp_path / "other.zip", contents), tmp_path / "unpacked")
    expected = {"dataset": "folder:roses", "inception_weights": "encoder.h5", "init_weights": "y"}
    expected |= {"distillation": {"teacher": "species", "steps": 4}}
    assert json.loads((tmp_path / "unpacked" / "config.json").read_text()) == expected


def test_pictures_are_known_by_their_content_in_an_upload_too(tmp_path):
    picture = png(tmp_path / "a.png", 1).read_bytes()
    folder, summary = unpack_pictures(
        [write_zip(tmp_path / "a.zip", {"a.jfif": picture, "b.png": b"no"})], tmp_path / "uploads"
    )
    assert [path.suffix for path in folder.iterdir()] == [".jfif"]
    assert summary == "1 pictures; 1 file left out (1 not pictures: b.png)"


def changed_headers(path, offset_in_local, offset_in_central, value):
    """The ZIP at `path` with two bytes of both headers of its only file changed."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", offset_in_local), (b"PK\x01\x02", offset_in_central)):
        if offset is not None:
            place = content.index(signature) + offset
            content[place : place + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("local", "central", "value", "sentence"),
    [
        (8, 10, 9, "packed with Deflate64"),
        (8, 10, 97, "packed in a way that cannot be read"),
        (6, 8, 1, "protected by a password"),
        (30, None, 0x4242, "The ZIP is damaged: File name in directory .* differ"),
        (30 + len("rose.png"), None, 0x4242, "cannot be unpacked|damaged"),
    ],
)
def test_a_zip_that_python_cannot_unpack_is_refused_in_a_sentence(tmp_path, local, central, value, sentence):
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rose.png", png(tmp_path / "a.png", 1).read_bytes())
    with pytest.raises(UserError, match=sentence):
        unpack_pictures([changed_headers(path, local, central, value)], tmp_path / "uploads")
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_picture_uploaded_twice_counts_once(tmp_path):
    paths = [png(tmp_path / name, 7) for name in ("a.png", "b.png")]
    folder, _ = unpack_pictures(paths, tmp_path / "uploads")
    assert len(list(folder.iterdir())) == 1
    assert unpack_pictures(paths, tmp_path / "uploads").folder == folder


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_PICTURE_BYTES", 1000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.png", bytes(10_000_000))
    with pytest.raises(ValueError, match="larger than"):
        unpack_pictures([path], tmp_path / "uploads")
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(("bound", "value"), [("MAX_PICTURES", 2), ("MAX_PICTURES_BYTES", 100)])
def test_an_upload_has_bounds(tmp_path, monkeypatch, bound, value):
    monkeypatch.setattr(archives, bound, value)
    paths = [png(tmp_path / f"{index}.png", index) for index in range(5)]
    with pytest.raises(ValueError, match="at most"):
        unpack_pictures(paths, tmp_path / "uploads")


def test_an_upload_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures"):
        unpack_pictures([write_zip(tmp_path / "text.zip", {"a.txt": "text"})], tmp_path / "uploads")
