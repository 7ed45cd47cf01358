import argparse
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from commands import assert_refused, listed_options, run
from PIL import Image
from tiny_runs import resume_arguments, start_command, tiny_arguments

import ddim.cli.pictures
import ddim.cli.train
from ddim.cli.terminal import output_file
from ddim.media.images import save_picture

# What design says can be chosen; written down once more, so that no option gets lost.
TRAIN_OPTIONS = """
    prediction-type loss loss-on schedule min-signal-rate max-signal-rate horizontal-flips normalization activation
    upsampling attention-levels residual-scaling clip-norm learning-rate learning-rate-decay weight-decay ema-momentum
    embedding-size embedding-max-frequency widths block-depth batch-size image-size epochs repetitions precision seed
    dataset runs-dir run preset init-weights resume kid-block inception-weights distribute tensorboard
    patch-size conditioning class-conditional class-dropout time-sampling warmup-steps average-lengths optimizer skips
    attention-once
"""
SAMPLE_OPTIONS = """
    weights seed num-images num-steps solver eta variance node-placement min-signal-rate max-signal-rate precision
    output class-name guidance each-class
"""


@pytest.mark.parametrize("command, options", [("train", TRAIN_OPTIONS), ("sample", SAMPLE_OPTIONS)])
def test_help_lists_every_option(capsys, command, options):
    assert set(options.split()) <= listed_options(capsys, command)


WRONG_SAMPLES = {
    "--num-steps 0": "num_steps",
    "--num-steps 1001": "num_steps",
    "--num-steps ten": "--num-steps",
    "--seed -1": "Seeds lie between 0 and 4294967295",
    "--seed 4294967296": "Seeds lie between 0 and 4294967295",
    "--seed 4294967295 --num-images 2": "do not fit",
    "--num-images 0": "at least 1",
    "--num-images 10000": "1 to 1024",
    "--solver euler": "--solver",
    "--eta 2": "eta must be between 0 and 1",
    "--eta nan": "eta must be between 0 and 1",
    "--solver unipc --eta 1": "eta must be 0",
    "--min-signal-rate 0.99": "min_signal_rate",
    "--precision float8": "--precision",
    "--rows 17": "1 to 16 rows",
    "--output flowers.bmp": ".png",
    "--weights roses": "No weights are called 'roses'",
    "--colour red": "--colour",
}


@pytest.mark.parametrize("wrong, because", WRONG_SAMPLES.items())
def test_a_wrong_value_of_sample_is_refused_in_one_line(capfd, tmp_path, monkeypatch, wrong, because):
    monkeypatch.chdir(tmp_path)
    assert_refused(capfd, "sample", *wrong.split(), because=because)
    assert list(tmp_path.iterdir()) == []


WRONG_TRAININGS = {
    "--epochs 0": "epochs must be at least 1",
    "--min-signal-rate 0.001": "Training needs a min_signal_rate of 0.005 or more, but it is 0.001",
    "--epochs many": "--epochs",
    "--batch-size 0": "batch_size must be at least 1",
    "--repetitions 0": "repetitions must be at least 1",
    "--learning-rate 0": "learning_rate must be above 0",
    "--learning-rate nan": "learning_rate must be above 0",
    "--weight-decay -1": "weight_decay must be at least 0",
    "--clip-norm -1": "clip_norm must be at least 0",
    "--ema-momentum 1": "ema_momentum must be at least 0 and below 1",
    "--seed -1": "seed must",
    "--seed 4294967296": "seed must",
    "--loss hinge": "--loss",
    "--loss-on pixels": "--loss-on",
    "--prediction-type score": "--prediction-type",
    "--schedule linear": "schedule",
    "--min-signal-rate 0": "min_signal_rate",
    "--widths 4,eight": "--widths",
    "--widths 32": "widths must be two to 12 numbers",
    "--image-size 60": "image_size must be a multiple of 8",
    "--attention-levels 5": "attention_levels",
    "--normalization weight": "--normalization",
    "--precision float8": "--precision",
    "--preset luxury": "--preset",
    "--distribute everywhere": "--distribute",
    "--kid-block mixed11": "--kid-block",
    "--class-conditional": "set conditioning to 'blocks'",
    "--class-dropout 1": "class_dropout must be at least 0 and below 1",
    "--average-lengths 0.5": "each of average_lengths must be at least 1e-06 and at most 0.28, but one is 0.5.",
    "--average-lengths long": "--average-lengths",
    "--time-sampling log_normal --max-signal-rate 1": "max_signal_rate must be below 1",
    "--warmup-steps -1": "warmup_steps must be at least 0",
    "--optimizer sgd": "--optimizer",
    "--widths 100000,200000": "each of widths must be at least 1 and at most 16384, but one is 100000.",
    "--widths 8192,16384": "but 1000000000 is the limit",
    "--epochs 1000000000000000000000000000000": "epochs must be at least 1 and at most 100000",
    "--embedding-size 1000000000": "embedding_size must be at least 2 and at most 16384",
    "--learning-rate 1e400": "learning_rate must be above 0 and at most 10, but is inf.",
    "--batch-size 65536": "but 1024 GiB is the limit",
    "--resume": "There is no run",
}


@pytest.mark.parametrize("wrong, because", WRONG_TRAININGS.items())
def test_a_wrong_value_of_train_is_refused_in_one_line(capfd, tmp_path, wrong, because):
    assert_refused(capfd, "train", "--runs-dir", tmp_path, "--run", "mine", *wrong.split(), because=because)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [(), ("paint",)])
def test_without_a_command_nothing_is_done(capfd, command):
    assert_refused(capfd, *command, because="COMMAND")


def test_errors_of_sample_are_one_line_in_a_process_of_its_own(tmp_path):
    process = start_command(["sample", "--weights", "roses", "--output", str(tmp_path / "out.png")])
    output, errors = process.communicate(timeout=100)
    assert (process.returncode, output) == (2, "")
    assert errors.count("\n") == 1
    assert errors.startswith("ddim: No weights are called 'roses'")


@pytest.fixture
def recorded_training(monkeypatch):
    """What `train` is called with, in place of training."""
    calls = []
    monkeypatch.setattr(ddim.cli.train, "train", lambda config, folder, *_: calls.append((config, folder)))
    return calls


def test_presets_give_defaults_and_options_change_them(capfd, tmp_path, recorded_training):
    run(capfd, "train", "--runs-dir", tmp_path, "--run", "a")
    run(capfd, "train", "--runs-dir", tmp_path, "--run", "b", "--preset", "quick", "--dataset", "cifar10")
    options = ("--widths", "8,16", "--no-horizontal-flips", "--seed", "3")
    run(capfd, "train", "--runs-dir", tmp_path, "--run", "c", "--preset", "quick", *options)
    (tutorial, folder), (quick, _), (changed, _) = recorded_training
    assert folder == tmp_path / "a"
    assert (tutorial.dataset, tutorial.epochs, tutorial.batch_size) == ("oxford_flowers102", 50, 64)
    assert (tutorial.model.network.image_size, tutorial.model.network.widths) == (64, (32, 64, 96, 128))
    assert (quick.dataset, quick.horizontal_flips, quick.seed) == ("cifar10", True, 0)
    assert quick.model.network.image_size < 64 and quick.epochs < 50
    assert (changed.model.network.widths, changed.horizontal_flips, changed.seed) == ((8, 16), False, 3)
    assert changed.model.network.image_size == quick.model.network.image_size


def test_a_run_that_has_learned_is_not_begun_again(capfd, tmp_path, recorded_training):
    (tmp_path / "mine" / "checkpoints").mkdir(parents=True)
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert_refused(capfd, "train", "--runs-dir", tmp_path, "--run", "mine", because="resume it with train --resume")
    assert recorded_training == []


def test_a_resumed_run_keeps_its_own_options(capfd, tmp_path, recorded_training):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    arguments = [*resume_arguments(tmp_path / "mine"), "--seed", "3", "--batch-size", "8"]
    assert_refused(
        capfd, *arguments, because="A resumed run keeps its --seed, --batch-size: of its options it takes --d"
    )
    assert recorded_training == []


def test_a_resumed_run_takes_what_does_not_change_it(capfd, tmp_path, monkeypatch, recorded_training):
    monkeypatch.chdir(tmp_path)
    run(capfd, "train", "--runs-dir", tmp_path, "--run", "mine", "--dataset", "folder:flowers")
    ((first, folder),) = recorded_training
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(asdict(first)))
    options = ("--dataset", "folder:elsewhere", "--epochs", "70", "--checkpoint-minutes", "1", "--precision", "float32")
    assert run(capfd, *resume_arguments(folder), *options, "--inception-weights", "here.h5")[0] == 0
    resumed, _ = recorded_training[1]
    assert first.dataset == f"folder:{tmp_path / 'flowers'}"
    assert resumed == replace(
        first,
        **{"dataset": f"folder:{tmp_path / 'elsewhere'}", "epochs": 70, "checkpoint_minutes": 1.0},
        **{"precision": "float32", "inception_weights": str(tmp_path / "here.h5")},
    )


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"model": 3}', '{"epochs": 3, "model": {"network": {}}, "x": 1}']
)
def test_a_run_whose_configuration_is_damaged_or_of_another_version_is_refused_in_one_line(capfd, tmp_path, content):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text(content)
    assert_refused(capfd, *resume_arguments(tmp_path / "mine"), because="damaged or of another version")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    "options, because",
    [
        ({"dataset": "folder:/nowhere"}, "folder:/nowhere names no folder"),
        ({"batch_size": 33}, "32 training pictures do not fill one batch of 33"),
        ({"init_weights": "roses"}, "No weights are called 'roses'"),
        ({"distribute": "data_parallel"}, "--distribute data_parallel needs the Keras backend jax"),
    ],
    ids=["dataset", "batch_size", "init_weights", "distribute"],
)
def test_what_shows_only_in_training_is_refused_in_one_line_and_in_the_status(
    capfd, tmp_path, dataset, options, because
):
    import keras

    if keras.backend.backend() == "jax" and "distribute" in options:
        pytest.skip("JAX is the backend that this needs")
    assert_refused(capfd, *tiny_arguments(**{"dataset": dataset, "run": tmp_path / "mine", **options}), because=because)
    status = json.loads((tmp_path / "mine" / "status.json").read_text())
    assert status["state"] == "failed"
    assert because in status["message"]


def test_what_was_refused_in_training_can_be_begun_again(capfd, tmp_path, dataset):
    for _ in range(2):
        arguments = tiny_arguments(dataset, tmp_path / "mine", batch_size=33)
        assert_refused(capfd, *arguments, because="do not fill one batch")


def sampled(capfd, weights, output, *options):
    code, lines = run(capfd, "sample", "--weights", weights, "--precision", "float32", "--output", output, *options)
    assert code == 0
    assert str(output) in lines[-1]
    with Image.open(output) as picture:
        return np.asarray(picture).astype(int), json.loads(picture.text["parameters"])


def test_a_picture_alone_is_its_place_in_a_grid(capfd, tmp_path, tiny_weights):
    steps = ("--num-steps", "3")
    four, recipe = sampled(
        capfd, tiny_weights, tmp_path / "four.png", "--seed", "7", "--num-images", "4", "--rows", "2", *steps
    )
    assert recipe["seed"] == 7 and recipe["num_images"] == 4
    one, recipe = sampled(capfd, tiny_weights, tmp_path / "one.png", "--seed", "10", "--num-images", "1", *steps)
    assert recipe["seed"] == 10
    height, width = one.shape[:2]
    last = four[-height:, -width:]
    assert np.abs(last - one).max() <= 1
    assert one.std() > 10
    another, _ = sampled(capfd, tiny_weights, tmp_path / "another.png", "--seed", "9", "--num-images", "1", *steps)
    assert np.abs(another - one).max() > 10


def test_ctrl_c_is_130(capfd, monkeypatch, tiny_weights):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(ddim.cli.pictures, "load", interrupted)
    assert run(capfd, "sample", "--weights", tiny_weights) == (130, [])


def test_a_bug_is_one_line_that_names_the_file_with_its_traceback(capfd, monkeypatch, tmp_path, tiny_weights):
    def broken(*arguments):
        raise ValueError("operands could not be broadcast")

    monkeypatch.setattr(ddim.cli.pictures, "load", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, (line,) = run(capfd, "sample", "--weights", tiny_weights)
    assert code == 1
    (log,) = tmp_path.glob("ddim-*.log")
    assert line == f"ddim: Something went wrong here, and it is not your fault: {log} says what happened."
    assert f"python -m ddim sample --weights {tiny_weights}" in log.read_text()
    assert "in broken" in log.read_text() and "ValueError: operands" in log.read_text()


def test_the_folder_of_an_output_is_made_before_the_work(tmp_path):
    parse = output_file(".png", ".jpg")
    assert parse(str(tmp_path / "new" / "folder" / "x.PNG")) == tmp_path / "new" / "folder" / "x.PNG"
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for text, sentence in (
        ("x.gif", "must end in .png, .jpg"),
        ("file/x.png", "cannot"),
        ("folder.png", "is a folder"),
    ):
        with pytest.raises(argparse.ArgumentTypeError, match=sentence):
            parse(str(tmp_path / text))


def test_a_picture_is_written_as_its_name_says(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    for suffix, image_format in ((".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP")):
        save_picture(tmp_path / f"x{suffix}", image)
        with Image.open(tmp_path / f"x{suffix}") as picture:
            assert picture.format == image_format
