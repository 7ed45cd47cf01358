"""The commands that make weights of a run afterwards, take them over from elsewhere, and say what weights are."""

import shutil

import numpy as np
import pytest
from commands import assert_refused, listed_options, run
from PIL import Image
from tiny_runs import tiny_arguments, tiny_config
from tutorial_program import DiffusionModel

import ddim
import ddim.training.averaged_weights
from ddim.model.weights import available, save
from ddim.training.averages import average_of
from ddim.training.train import train


@pytest.fixture(scope="module")
def averaged_run(tmp_path_factory, dataset):
    """A run with snapshots of averages of two lengths."""
    folder = tmp_path_factory.mktemp("runs") / "averaged"
    train(tiny_config(dataset, epochs=6, average_lengths=(0.05, 0.1), kid_images=6), folder)
    return folder


def test_info_tells_size_work_and_meaning(capsys, tiny_weights, species_model, tmp_path):
    assert run(capsys, "info", tiny_weights)[0] == 0
    facts = {"distillation": {"teacher": "roses"}, "num_steps": 4, "solver": "ddim"}
    save(species_model, tmp_path / "species", kid={"value": 0.012, "protocol": "mean colour"}, **facts)
    assert ddim.cli.main.main(["info", str(tmp_path / "species")]) == 0
    told = capsys.readouterr().out
    assert f"{species_model.network.count_params():,} weights" in told
    assert "multiply-adds a picture" in told
    assert "velocity, cosine schedule, signal rates 0.02 to 0.999" in told
    assert "classes: 3, rose, sunflower, tulip" in told
    assert "distilled: from roses, for 4 steps of ddim" in told
    assert "KID x 1000: 12.0, mean colour" in told


def test_info_about_no_weights_is_refused_in_one_line(capfd):
    assert_refused(capfd, "info", "roses", because="No weights are called 'roses'")


@pytest.mark.slow
def test_average_makes_weights_of_any_length_without_touching_the_best(capfd, averaged_run, tmp_path):
    best = (averaged_run / "best.weights.h5").read_bytes()
    code, _ = run(capfd, "average", averaged_run, "--length", "0.08", "--output", tmp_path / "average")
    assert code == 0
    model = ddim.load(tmp_path / "average", "float32")
    for weight, expected in zip(model.network.get_weights(), average_of(averaged_run / "snapshots", 0.08), strict=True):
        np.testing.assert_array_equal(weight, expected)
    last = max(int(path.stem.removeprefix("step_")) for path in (averaged_run / "snapshots").iterdir())
    assert (model.card["training"]["average_length"], model.card["training"]["step"]) == (0.08, last)
    assert (averaged_run / "best.weights.h5").read_bytes() == best


class Encoder:
    """Stands in for InceptionV3: the features of a picture are the means of its channels."""

    protocol = "mean colour"

    def __init__(self, block, weights_path):
        pass

    def features(self, images):
        return images.mean(axis=(1, 2)) / 255


@pytest.mark.slow
def test_of_several_lengths_the_one_with_the_lowest_kid_is_kept(capfd, averaged_run, monkeypatch):
    monkeypatch.setattr(ddim.training.averaged_weights, "InceptionEncoder", Encoder)
    kids = ddim.training.averaged_weights.save_best_average(
        averaged_run, averaged_run / "average", (0.05, 0.15, 0.1), None, lambda line: None
    )
    best = min(kids, key=lambda length: kids[length].page_kid)
    card = ddim.load(averaged_run / "average").card
    assert list(kids) == [0.05, 0.15, 0.1]
    assert card["training"]["average_length"] == best
    assert card["kid"]["page_value"] == kids[best].page_kid


def test_what_cannot_be_averaged_is_refused_in_one_line(capfd, tmp_path, tiny_weights):
    assert_refused(capfd, "average", tmp_path / "nowhere", "--length", "0.1", because="There is no run")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "config.json").write_text("{}")
    for suffix in (".weights.h5", ".json"):
        shutil.copy(f"{tiny_weights}{suffix}", tmp_path / "plain" / f"best{suffix}")
    assert_refused(capfd, "average", tmp_path / "plain", "--length", "0.1", because="has no snapshots")
    assert_refused(capfd, "average", tmp_path / "plain", "--length", "0.5", because="from 1e-06 up to 0.28")


@pytest.fixture(scope="module")
def tutorial_file(tmp_path_factory):
    """What the Keras tutorial's program saves."""
    path = tmp_path_factory.mktemp("checkpoints") / "diffusion_model.weights.h5"
    DiffusionModel().save_weights(path)
    return path


@pytest.fixture
def imported(capfd, tutorial_file, tmp_path, monkeypatch):
    """A working directory, in which that file was imported as "mine"."""
    monkeypatch.chdir(tmp_path)
    assert run(capfd, "import", tutorial_file, "--name", "mine", "--image-size", "8")[0] == 0
    return tmp_path


def test_imported_weights_are_found_by_name_and_say_where_they_come_from(capfd, imported, tutorial_file):
    assert "runs/mine" in available()
    mine, original = ddim.load("runs/mine", "float32"), ddim.load(tutorial_file, "float32", 8)
    for weight, expected in zip(mine.network.get_weights(), original.network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    np.testing.assert_array_equal(mine.normalizer, original.normalizer)
    assert mine.config == original.config
    assert mine.card["imported"]["file"] == "diffusion_model.weights.h5"
    assert mine.card["imported"]["sha256"] == original.card["sha256"]
    assert ddim.cli.main.main(["info", "runs/mine"]) == 0
    assert "imported: ema_network of diffusion_model.weights.h5" in capfd.readouterr().out


def test_pictures_are_sampled_with_the_file_as_it_is(capfd, tutorial_file, tmp_path):
    arguments = ["--num-images", 2, "--rows", 1, "--num-steps", 2, "--output", tmp_path / "out.png"]
    assert run(capfd, "sample", "--weights", tutorial_file, *arguments)[0] == 0
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (128, 64)


def test_help_of_import_says_where_the_weights_go(capsys):
    assert {"name", "image-size", "runs-dir"} <= listed_options(capsys, "import")
    with pytest.raises(SystemExit):
        ddim.cli.main.main(["import", "--help"])
    assert "go into RUNS_DIR/NAME" in " ".join(capsys.readouterr().out.split())


def test_what_cannot_be_imported_is_refused_in_one_line(capfd, imported, tutorial_file, tiny_weights):
    assert_refused(capfd, "import", tutorial_file, "--name", "mine", because="a runs/mine already: choose another name")
    assert_refused(capfd, "import", tutorial_file, "--name", "../mine", because="but is '../mine'")
    assert_refused(capfd, "import", tutorial_file, "--name", "odd", "--image-size", 7, because="a multiple of 2")
    assert_refused(capfd, "import", tutorial_file, because="--name")
    assert_refused(capfd, "import", tiny_weights, "--name", "twice", because="tiny.json says already")
    assert_refused(capfd, "import", "nowhere.weights.h5", "--name", "nothing", because="No weights are called")
    assert [path.name for path in (imported / "runs").iterdir()] == ["mine"]


def test_a_training_is_not_started_in_the_place_of_imported_weights(capfd, imported, dataset):
    before = (imported / "runs/mine/best.weights.h5").read_bytes()
    assert_refused(capfd, *tiny_arguments(dataset, imported / "runs/mine"), because="choose another name")
    assert (imported / "runs/mine/best.weights.h5").read_bytes() == before
