import json
import os
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
from PIL import Image
from tiny_runs import epochs_of, last_checkpoint, resume_arguments, run_python, tiny_config

import ddim
import ddim.data.pictures
import ddim.evaluation.encoder
import ddim.training.devices
import ddim.training.report
import ddim.training.stopping
import ddim.training.trainer
from ddim.configuration import from_json
from ddim.data import load_dataset, load_images
from ddim.evaluation.kid import kid_of_batches
from ddim.media.images import grid
from ddim.model.diffusion_model import Normalizer
from ddim.model.unet import UNetConfig
from ddim.runs.folder import FAILED, FINISHED, RUNNING, STOPPED, locked, read_metrics, read_status, sample_grids
from ddim.runs.process import stop_run
from ddim.training.config import KidBlock, TrainConfig
from ddim.training.examples import training_examples, validation_examples
from ddim.training.learning import new_optimizer
from ddim.training.report import Report
from ddim.training.train import train
from ddim.training.trainer import Trainer

pytestmark = pytest.mark.slow

STEPS_PER_EPOCH = 4
STILL = 1e-20
"""A learning rate at which the network stays as it begins: its output is 0 for everything."""


@pytest.fixture(scope="module")
def learned(tmp_path_factory, dataset):
    """A run that nothing disturbed."""
    run = tmp_path_factory.mktemp("runs") / "learned"
    train(tiny_config(dataset, epochs=3, learning_rate_decay="cosine"), run)
    return run


@pytest.fixture
def every_batch(monkeypatch):
    """Let runs tell how they stand after every batch."""
    monkeypatch.setattr(ddim.training.report, "SECONDS_BETWEEN_STATUSES", 0)
    monkeypatch.setattr(ddim.training.report, "SECONDS_BETWEEN_LINES", 0)


def at_step(step, action):
    """What to give to `train` as `show`, so that `action` is done right after a step."""
    return lambda line: action() if f"step {step} " in line else None


def send(kind):
    return lambda: os.kill(os.getpid(), kind)


class Crash(BaseException):
    """The end of a process that can do nothing more."""


def crash():
    raise Crash


def new_training(config, run):
    run.mkdir()
    report = Report(run, config.epochs, config.batch_size, lambda line: None, False)
    return Trainer(config, run, report, load_dataset(config.dataset, config.model.network.image_size))


def errors_of_no_output(examples_at, steps):
    """Mean absolute errors, of noise and of image, of a network whose output is 0."""
    noise_errors, image_errors = [], []
    for step in steps:
        inputs, targets = examples_at(step)
        signal_rates = np.sqrt(1 - inputs["noise_variances"].astype(np.float64))[:, None, None, None]
        noise_errors.append(np.abs(targets["noise"]))
        image_errors.append(np.abs(targets["image"] - inputs["noisy_images"] / signal_rates))
    return np.mean(noise_errors), np.mean(image_errors)


def test_losses_are_means_over_the_epoch_also_of_one_that_was_interrupted(tmp_path, dataset, every_batch):
    config = tiny_config(dataset, learning_rate=STILL, seed=5)
    run = tmp_path / "run"
    assert train(config, run, at_step(2, send(signal.SIGTERM))) == signal.SIGTERM
    with pytest.raises(Crash):
        train(config, run, at_step(3, crash))
    assert train(config, run, at_step(6, send(signal.SIGINT))) == signal.SIGINT
    assert train(config, run) is None

    images = load_images(dataset, "train", 8)
    examples_at = training_examples(images, None, config, Normalizer.of(images))
    for epoch, line in enumerate(epochs_of(run)):
        steps = range(epoch * STEPS_PER_EPOCH, (epoch + 1) * STEPS_PER_EPOCH)
        noise_error, image_error = errors_of_no_output(examples_at, steps)
        assert line["loss"] == pytest.approx(noise_error, rel=1e-5)
        assert line["image_loss"] == pytest.approx(image_error, rel=1e-3)
    assert [line["epoch"] for line in epochs_of(run)] == [1, 2]


def test_a_stopped_run_goes_on_as_if_nothing_had_been(tmp_path, learned, every_batch):
    config = read_config(learned)
    run = tmp_path / "run"
    assert train(config, run, at_step(6, send(signal.SIGTERM))) == signal.SIGTERM
    stopped = read_status(run)
    assert (stopped.state, stopped.step, stopped.epoch) == (STOPPED, 6, 2)
    assert [line["epoch"] for line in epochs_of(run)] == [1]
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["step_00000004", "step_00000006"]
    assert train(config, run) is None
    assert_same_run(run, learned)


def read_config(run):
    return from_json(TrainConfig, json.loads((run / "config.json").read_text()))


def assert_same_run(run, expected, apart_from=("kid", "page_kid")):
    """The same epochs, each once, with the same losses, and the same weights, float noise aside."""
    assert read_status(run).state == FINISHED
    for line, expected_line in zip(epochs_of(run), epochs_of(expected), strict=True):
        for name, number in expected_line.items():
            if name in apart_from:
                assert line[name] is number is None
            elif name not in ("seconds", "kid_std"):
                assert line[name] == pytest.approx(number, rel=1e-4), name
    for name, array in last_checkpoint(expected).items():
        np.testing.assert_allclose(last_checkpoint(run)[name], array, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_run_that_crashed_after_logging_logs_every_epoch_once(tmp_path, learned, every_batch, monkeypatch):
    config = read_config(learned)
    run = tmp_path / "run"
    # Epoch 2 is logged, and then the process ends before it is in a checkpoint.
    report_epoch = Report.epoch
    monkeypatch.setattr(Report, "epoch", lambda *args: report_epoch(*args) or (args[1].epochs_done == 2 and crash()))
    with pytest.raises(Crash):
        train(config, run)
    assert [line["epoch"] for line in epochs_of(run)] == [1, 2]
    monkeypatch.setattr(Report, "epoch", report_epoch)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "lo')
    assert train(config, run) is None
    assert_same_run(run, learned)


def contents_but_status(run):
    """What a run has kept, by its names: how it ended may be told anew."""
    files = (
        path for path in run.rglob("*") if path.is_file() and path.name not in ("status.json", "lock", "pictures.npz")
    )
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_with_all_checkpoints_damaged_a_run_is_refused_and_keeps_all_it_has(tmp_path, learned):
    run = tmp_path / "run"
    shutil.copytree(learned, run)
    for path in run.glob("checkpoints/*/variables.npz"):
        path.write_bytes(path.read_bytes()[:1000])
    before = contents_but_status(run)
    with pytest.raises(ValueError, match="This run cannot go on: step_00000012 cannot be read"):
        train(replace(read_config(learned), epochs=9), run)
    assert contents_but_status(run) == before
    assert (read_status(run).state, read_status(run).message[:24]) == (FAILED, "This run cannot go on: s")


def test_a_finished_run_takes_more_epochs(tmp_path, learned):
    run = tmp_path / "run"
    shutil.copytree(learned, run)
    assert train(replace(read_config(learned), epochs=4), run) is None
    assert [line["epoch"] for line in epochs_of(run)] == [1, 2, 3, 4]
    assert epochs_of(run)[:3] == epochs_of(learned)
    assert (read_status(run).state, read_status(run).step) == (FINISHED, 16)


def test_another_optimizer_cannot_go_on_with_a_run(tmp_path, learned):
    run = tmp_path / "run"
    shutil.copytree(learned, run)
    with pytest.raises(ValueError, match="step_00000012 is of another network, optimizer or version"):
        train(replace(read_config(learned), model=replace(read_config(learned).model, network=WIDER), epochs=4), run)


WIDER = UNetConfig(image_size=8, widths=(4, 16), block_depth=1)


def changed_pictures(dataset, folder, count):
    """As many of the pictures, elsewhere."""
    folder.mkdir()
    for path in sorted(Path(dataset.removeprefix("folder:")).iterdir())[:count]:
        shutil.copy(path, folder)
    return f"folder:{folder}"


def test_the_same_pictures_elsewhere_are_the_same(tmp_path, dataset, learned, every_batch):
    run = tmp_path / "run"
    assert train(read_config(learned), run, at_step(6, send(signal.SIGTERM))) == signal.SIGTERM
    moved = changed_pictures(dataset, tmp_path / "moved", 40)
    assert train(replace(read_config(run), dataset=moved), run) is None
    assert_same_run(run, learned)


def test_changed_pictures_are_refused_unless_they_are_accepted(tmp_path, dataset, learned, every_batch):
    run = tmp_path / "run"
    assert train(read_config(learned), run, at_step(6, send(signal.SIGTERM))) == signal.SIGTERM
    before = contents_but_status(run)
    fewer = replace(read_config(run), dataset=changed_pictures(dataset, tmp_path / "fewer", 20))
    with pytest.raises(ValueError, match="The pictures have changed: the run has learned from 32 training pictures"):
        train(fewer, run)
    assert contents_but_status(run) == before
    assert train(fewer, run, accept_changed_data=True) is None
    assert [line["epoch"] for line in epochs_of(run)] == [1, 2, 3]
    assert [line["step"] for line in epochs_of(run)] == [4, 6, 8]  # two batches an epoch, and the second was half done


def test_a_run_keeps_its_precision_and_takes_another_when_told(tmp_path, dataset, every_batch, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setattr(ddim.training.devices, "prefers_bfloat16", lambda: True)
    config = tiny_config(dataset, precision="auto")
    assert train(config, run, at_step(2, send(signal.SIGTERM))) == signal.SIGTERM
    monkeypatch.setattr(ddim.training.devices, "prefers_bfloat16", lambda: False)
    assert read_config(run).precision == "bfloat16"
    assert train(replace(read_config(run), precision="float32"), run) is None
    assert read_config(run).precision == "float32"


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_goes_from_precision_to_precision_and_to_another_backend_as_if_nothing_had_been(
    tmp_path, dataset, every_batch, optimizer
):
    pytest.importorskip("jax")
    options = {"precision": "float32", "epochs": 5, "widths": (16, 16), "optimizer": optimizer, "learning_rate": 3e-3}
    config = tiny_config(dataset, **options)
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(config, whole)
    for step, precision in ((4, "bfloat16"), (8, "float16"), (12, "float32")):
        stop = at_step(step + 1, send(signal.SIGTERM))
        assert train(replace(config, precision=precision), run, stop) == signal.SIGTERM
    run_python("-m", "ddim", *resume_arguments(run), KERAS_BACKEND="jax")
    losses, expected = ([line["val_loss"] for line in epochs_of(one)] for one in (run, whole))
    np.testing.assert_allclose(losses, expected, rtol=0.02)
    assert expected[0] - expected[-1] > 0.03 * expected[0]  # so that a lost moment would show


def test_a_run_is_stopped_while_it_reads_pictures(tmp_path, dataset, learned):
    run = tmp_path / "run"
    stop = lambda line: send(signal.SIGTERM)() if line.startswith("reading pictures") else None  # noqa: E731
    assert train(read_config(learned), run, stop) == signal.SIGTERM
    assert read_status(run).state == STOPPED
    assert not (run / "checkpoints").exists()
    assert train(read_config(learned), run) is None
    assert_same_run(run, learned)


class StoppingEncoder:
    """Stands in for InceptionV3, and is interrupted as it looks at the first generated pictures."""

    protocol = "none"
    calls = 0

    def __init__(self, block, weights_path):
        pass

    def features(self, images):
        StoppingEncoder.calls += 1
        if StoppingEncoder.calls == 2:
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("a stop while pictures are measured is immediate")
        return images.mean(axis=(1, 2)) / 255


def test_a_run_is_stopped_while_it_measures_and_then_measures_anew(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(ddim.training.trainer, "InceptionEncoder", StoppingEncoder)
    monkeypatch.setattr(StoppingEncoder, "calls", 0)
    config = tiny_config(dataset, epochs=2, kid_images=5)
    run = tmp_path / "run"
    assert train(config, run) == signal.SIGINT
    status = read_status(run)
    assert (status.state, status.step, status.epoch) == (STOPPED, STEPS_PER_EPOCH, 1)
    assert epochs_of(run) == []
    assert train(config, run) is None
    train(config, tmp_path / "whole")
    assert_same_run(run, tmp_path / "whole", apart_from=())


@pytest.mark.parametrize("saving", [1, 2], ids=["before measuring", "after measuring"])
def test_a_request_amid_saving_waits_until_all_is_saved(tmp_path, dataset, monkeypatch, saving):
    calls = []

    def replace_old_and_ask(source, destination):
        calls.append(destination)
        if len(calls) == saving:
            assert not destination.exists()
            os.kill(os.getpid(), signal.SIGTERM)
        return rename(source, destination)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", replace_old_and_ask)
    run = tmp_path / "run"
    assert train(tiny_config(dataset), run) == signal.SIGTERM
    assert (read_status(run).state, read_status(run).step) == (STOPPED, STEPS_PER_EPOCH)
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"step_{STEPS_PER_EPOCH:08d}"]
    assert len(epochs_of(run)) == saving - 1


def test_a_second_ctrl_c_does_not_wait_for_anything(tmp_path, dataset, every_batch):
    def twice():
        send(signal.SIGINT)()
        send(signal.SIGINT)()

    with pytest.raises(KeyboardInterrupt):
        train(tiny_config(dataset), tmp_path / "run", at_step(2, twice))
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert read_status(tmp_path / "run").message == "The process ended without a word; the run can be resumed."


def test_a_file_stops_a_run_as_a_signal_does_and_stops_no_other(tmp_path, learned, every_batch):
    run = tmp_path / "run"

    def ask_and_wait():
        stop_run(run)
        time.sleep(3 * ddim.training.stopping.SECONDS_BETWEEN_LOOKS)

    assert train(read_config(learned), run, at_step(6, ask_and_wait)) == signal.SIGTERM
    assert read_status(run).step == 6
    assert not (run / "stop").exists()
    (run / "stop").touch()  # left behind by nobody knows whom
    assert train(read_config(learned), run) is None
    assert_same_run(run, learned)


def test_a_run_never_fails_over_its_status(tmp_path, learned, every_batch, monkeypatch, caplog):
    def refuse(run, status):
        raise PermissionError("somebody has it open")

    monkeypatch.setattr(ddim.training.report, "write_status", refuse)
    run = tmp_path / "run"
    assert train(read_config(learned), run) is None
    (record,) = caplog.records
    assert "How run stands cannot be written, but training goes on: somebody has it open" in record.message
    assert len(epochs_of(run)) == 3


def test_a_run_says_what_it_learns_from_and_reads_it_once(tmp_path, dataset, learned, monkeypatch):
    told, run = [], tmp_path / "run"
    shutil.copytree(learned, run)
    monkeypatch.setattr(ddim.data.pictures, "read_picture", None)
    train(read_config(run), run, tell=told.append)
    assert told == ["32 training and 8 validation pictures"]
    assert read_status(run).pictures == told[0]


def test_a_checkpoint_is_made_every_few_minutes_within_an_epoch(tmp_path, dataset, every_batch):
    run = tmp_path / "run"
    with pytest.raises(Crash):
        train(tiny_config(dataset, checkpoint_minutes=1e-9), run, at_step(3, crash))
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["step_00000001", "step_00000002"]


def test_a_finished_run_has_nothing_left_to_do(tmp_path, learned):
    run = tmp_path / "run"
    shutil.copytree(learned, run)
    assert train(read_config(learned), run) is None
    assert epochs_of(run) == epochs_of(learned)


def test_the_average_is_the_momentum_formula_over_all_weights(tmp_path, dataset):
    training = new_training(tiny_config(dataset, epochs=2, ema_momentum=0.8), tmp_path / "run")
    expected = training.network.get_weights()
    seen = []

    def after_each_batch(progress, losses):
        nonlocal expected
        if training.progress.step > len(seen):
            weights = training.network.get_weights()
            expected = [0.8 * average + 0.2 * weight for average, weight in zip(expected, weights, strict=True)]
            seen.append(weights)

    training.report.batch = after_each_batch
    training.run_epochs()
    assert len(seen) == 2 * STEPS_PER_EPOCH
    for weight, average, array in zip(
        training.network.weights, training.model.network.get_weights(), expected, strict=True
    ):
        np.testing.assert_allclose(average, array, rtol=1e-4, atol=1e-6, err_msg=weight.path)
    statistics = [index for index, weight in enumerate(training.network.weights) if "moving" in weight.path]
    assert statistics
    assert all(np.abs(seen[0][index] - seen[-1][index]).max() > 1e-3 for index in statistics)


def test_the_best_weights_are_the_averaged_ones_and_reach_what_was_logged(learned):
    best_epoch = read_status(learned).best_epoch
    lines = epochs_of(learned)
    assert best_epoch == min(lines, key=lambda line: line["val_loss"])["epoch"]
    model = ddim.load(learned, precision="float32")
    config = read_config(learned)
    images = np.random.default_rng(0).permutation(load_images(config.dataset, "validation", 8))
    inputs, targets = validation_examples(images, None, config, model.normalizer)(0)
    outputs = model.engine(inputs["noisy_images"], inputs["noise_variances"])
    loss = np.abs(outputs - targets["noise"]).mean()
    assert loss == pytest.approx(lines[best_epoch - 1]["val_loss"], rel=1e-4)
    assert model.card["val_loss"] == lines[best_epoch - 1]["val_loss"]
    assert model.card["training"]["epoch"] == best_epoch
    assert "KID is not measured" in model.card["kid"]["protocol"]
    if best_epoch == len(lines):
        averages = [array for name, array in last_checkpoint(learned).items() if name.startswith("average_0/")]
        assert all(map(np.array_equal, model.network.get_weights(), averages))


def test_each_epoch_shows_the_same_seeds_in_3_rows_of_6(learned):
    grids = [np.asarray(Image.open(path)).astype(int) for path in sample_grids(learned)]
    assert [path.name for path in sample_grids(learned)] == [f"epoch_000{n}.png" for n in (1, 2, 3)]
    model = ddim.load(learned, precision="float32")
    expected = grid(ddim.generate(model, range(18), num_steps=20), 6).astype(int)
    assert np.abs(grids[model.card["training"]["epoch"] - 1] - expected).max() <= 1
    assert grids[0].shape == expected.shape
    assert grids[0].shape[1] == 2 * grids[0].shape[0]
    assert np.abs(grids[0] - grids[2]).max() > 1


def test_the_learning_rate_falls_along_a_cosine_to_zero(learned):
    rates = [line["learning_rate"] for line in epochs_of(learned)]
    np.testing.assert_allclose(rates, [0.01 * 0.75, 0.01 * 0.25, 0], atol=1e-8)


def test_the_loss_falls(learned):
    losses = [line["val_loss"] for line in epochs_of(learned)]
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < 0.99 * losses[0]


def test_the_status_of_a_finished_run_says_so(learned):
    status = read_status(learned)
    assert (status.state, status.step, status.total_steps) == (FINISHED, 12, 12)
    assert (status.epoch, status.epochs, status.seconds_left, status.process) == (3, 3, 0, os.getpid())


def test_the_status_tells_progress_speed_and_time_left(tmp_path, dataset, every_batch):
    run, seen = tmp_path / "run", []
    train(tiny_config(dataset), run, lambda line: seen.append(read_status(run)))
    during = [status for status in seen if status.step == 3][0]
    assert (during.state, during.total_steps, during.epoch, during.epochs) == (RUNNING, 8, 1, 2)
    assert during.seconds_per_step > 0
    assert during.images_per_second == pytest.approx(8 / during.seconds_per_step)
    assert during.seconds_left == pytest.approx(5 * during.seconds_per_step)
    between = [line for line in read_metrics(run) if "epoch" not in line]
    assert [line["step"] for line in between] == list(range(1, 9))
    assert all(line.keys() == {"step", "loss", "image_loss"} for line in between)


def test_a_line_an_epoch_has_all_that_was_measured(learned):
    for line in epochs_of(learned):
        assert list(line) == [
            "epoch", "step", "loss", "image_loss", "val_loss", "val_image_loss", "kid", "page_kid", "kid_std",
            "seconds", "learning_rate",
        ]  # fmt: skip
        assert line["kid"] is line["page_kid"] is line["kid_std"] is None
        assert line["seconds"] > 0
    assert [line["step"] for line in epochs_of(learned)] == [4, 8, 12]


class Encoder:
    """Stands in for InceptionV3: the features of a picture are the means of its channels, and a push."""

    protocol = "mean colour"
    calls = 0

    def __init__(self, block, weights_path):
        assert (block, weights_path) == ("mixed10", None)

    def features(self, images):
        push = 0.1 * Encoder.calls  # pictures of later epochs seem worse
        Encoder.calls += 1
        return images.mean(axis=(1, 2)) / 255 + push


def test_kid_is_measured_twice_and_that_of_the_pages_sampling_chooses_the_best_epoch(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(ddim.training.trainer, "InceptionEncoder", Encoder)
    monkeypatch.setattr(Encoder, "calls", 0)
    run = tmp_path / "run"
    train(tiny_config(dataset, epochs=3, kid_images=5), run)
    lines = epochs_of(run)
    assert Encoder.calls == 7  # once for the real pictures
    assert lines[0]["page_kid"] < lines[1]["page_kid"] < lines[2]["page_kid"]
    assert lines[0]["val_loss"] > lines[2]["val_loss"]
    assert read_status(run).best_epoch == 1
    model = ddim.load(run, precision="float32")
    real = np.random.default_rng(0).permutation(load_images(dataset, "validation", 8))[:5].mean(axis=(1, 2)) / 255
    page = {"num_steps": 10, "solver": "unipc", "node_placement": "inclusive"}
    for push, name, settings in ((0.1, "kid", {"num_steps": 5}), (0.2, "page_kid", page)):
        generated = ddim.generate(model, range(2**31, 2**31 + 5), **settings).mean(axis=(1, 2)) / 255 + push
        assert lines[0][name] == pytest.approx(kid_of_batches(real, generated).mean, rel=1e-3)
    protocol = model.card["kid"].pop("protocol")
    assert protocol.startswith(
        "mean colour, 5 validation pictures, batches of 64; kid: 5 DDIM steps, page_kid: 10 of un"
    )
    assert model.card["kid"] == {"value": lines[0]["kid"], "page_value": lines[0]["page_kid"]}


def test_without_an_encoder_training_goes_on_and_says_why_kid_is_missing(tmp_path, dataset):
    run = tmp_path / "run"
    train(tiny_config(dataset, epochs=1, kid_images=8, inception_weights=str(tmp_path / "nowhere.h5")), run)
    assert [line["kid"] for line in epochs_of(run)] == [None]
    status = read_status(run)
    assert (status.state, status.best_epoch) == (FINISHED, 1)
    assert status.message.startswith("KID is not measured, so the best epoch has the lowest validation loss.")
    assert "nowhere.h5" in status.message
    assert ddim.load(run, precision="float32").card["kid"]["value"] is None


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("best.*")}


def test_a_bug_ends_a_run_with_a_status_that_does_not_blame_the_user(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(Trainer, "run_epochs", lambda self: [].pop())
    with pytest.raises(IndexError):
        train(tiny_config(dataset), tmp_path / "run")
    status = read_status(tmp_path / "run")
    assert status.state == FAILED
    reason = "IndexError: pop from empty list"
    expected = f"Something went wrong here, and it is not your fault ({reason}): train.log in its folder says more."
    assert status.message == expected


@pytest.fixture
def bursting(monkeypatch):
    """Let any network burst with its first step."""

    def burst(*arguments, **settings):
        optimizer = new_optimizer(*arguments, **settings)
        optimizer.learning_rate = 1e30
        return optimizer

    monkeypatch.setattr(ddim.training.trainer, "new_optimizer", burst)


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_best_weights(tmp_path, learned, bursting):
    run = tmp_path / "run"
    shutil.copytree(learned, run)
    config = replace(read_config(run), epochs=5, learning_rate_decay="none")
    with pytest.raises(FloatingPointError, match="training diverged. The last good weights are kept."):
        train(config, run)
    status = read_status(run)
    assert status.state == FAILED
    assert "training diverged" in status.message
    assert contents(run) == contents(learned)
    assert ddim.load(run, precision="float32")
    assert np.all([np.isfinite(array).all() for array in last_checkpoint(run).values()])
    assert epochs_of(run) == epochs_of(learned)


def test_weights_that_burst_in_the_last_batch_of_an_epoch_are_never_the_best(tmp_path, dataset, bursting):
    run = tmp_path / "run"
    with pytest.raises(FloatingPointError, match="training diverged"):
        train(tiny_config(dataset, batch_size=32), run)
    assert read_status(run).state == FAILED
    assert contents(run) == {}
    assert not (run / "checkpoints").exists()
    assert epochs_of(run) == []


def test_every_block_of_the_encoder_can_be_chosen():
    assert get_args(KidBlock) == ddim.evaluation.encoder.BLOCKS


def test_two_processes_cannot_train_one_run(tmp_path, dataset):
    run = tmp_path / "run"
    run.mkdir()
    with locked(run), pytest.raises(ValueError, match="Another process is training run: stop that one first"):
        train(tiny_config(dataset), run)
    assert sorted(path.name for path in run.iterdir()) == ["lock"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, dataset):
    (tmp_path / "file").touch()
    for run in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match="file"):
            train(tiny_config(dataset), run)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB, or a skip where one cannot be had."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_ends_the_run_and_leaves_the_checkpoints_before(small_disk, learned, every_batch):
    run, filler = small_disk / "run", small_disk / "filler"

    def fill():
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    with pytest.raises(OSError, match="No space left on device"):
        train(read_config(learned), run, lambda line: "step 6 " in line and not filler.exists() and suppressed(fill))
    filler.unlink()
    assert read_status(run).state in (FAILED, STOPPED)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step_00000004"]
    assert ddim.load(run, precision="float32")
    assert train(read_config(learned), run) is None
    assert_same_run(run, learned)


def suppressed(action):
    try:
        action()
    except OSError:
        return


def test_files_that_may_not_grow_end_the_run_and_leave_the_checkpoints_before(tmp_path, learned, every_batch):
    run = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = at_step(6, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1])))
    try:
        with pytest.raises(OSError, match="File too large"):
            train(read_config(learned), run, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_status(run).state == FAILED
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step_00000004"]
    assert train(read_config(learned), run) is None
    assert_same_run(run, learned)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Pictures of noise in folders: 20 each of two classes, and 5 of a rare one, a quarter of them for validation."""
    folder = tmp_path_factory.mktemp("labelled")
    generator = np.random.default_rng(0)
    for split, count in (("train", 20), ("validation", 5)):
        for name in ("rose", "tulip", "rare"):
            (folder / split / name).mkdir(parents=True)
            for index in range(count // 4 if name == "rare" else count):
                pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{index}.png")
    return f"folder:{folder}"


CLASSES = {"class_conditional": True, "conditioning": "blocks", "average_lengths": (0.05, 0.1)}


@pytest.fixture(scope="module")
def learned_classes(tmp_path_factory, labelled):
    run = tmp_path_factory.mktemp("runs") / "classes"
    train(tiny_config(labelled, epochs=4, class_dropout=0.3, **CLASSES), run)
    return run


def test_a_run_learns_the_classes_that_have_pictures_enough(learned_classes):
    model = ddim.load(learned_classes, precision="float32")
    assert model.classes == {"rose": 20, "tulip": 20}
    assert model.config.network.num_classes == 2
    assert model.card["training"]["class_dropout"] == 0.3
    rose, tulip = (ddim.generate(model, [1], num_steps=3, class_name=name).astype(int) for name in ("rose", "tulip"))
    assert np.abs(rose - tulip).max() > 1


def test_pictures_of_a_class_teach_it_and_those_of_rare_ones_teach_any(tmp_path, labelled):
    training = new_training(tiny_config(labelled, class_dropout=0.0, **CLASSES), tmp_path / "run")
    shown = np.concatenate([training.examples_at(step).inputs["class_weights"] for step in range(45)])
    assert (shown[:, 0].mean(), shown[:, 1].mean()) == (20 / 45, 20 / 45)
    assert np.mean(~shown.any(axis=1)) == 5 / 45


def test_a_run_with_classes_that_is_stopped_goes_on_as_if_nothing_had_been(tmp_path, learned_classes, every_batch):
    run = tmp_path / "run"
    assert train(read_config(learned_classes), run, at_step(8, send(signal.SIGTERM))) == signal.SIGTERM
    assert train(read_config(learned_classes), run) is None
    assert_same_run(run, learned_classes)


def test_the_first_average_makes_the_pictures_and_the_last_snapshot_holds_both(learned_classes):
    checkpoint = last_checkpoint(learned_classes)
    snapshots = sorted((learned_classes / "snapshots").iterdir())
    assert [path.name for path in snapshots] == [f"step_{step:08d}.npz" for step in (5, 10, 15, 20)]
    with np.load(snapshots[-1]) as arrays:
        for name, array in checkpoint.items():
            group, _, index = name.partition("/")
            if group in ("average_0", "average_1"):
                length = {"average_0": 0.05, "average_1": 0.1}[group]
                np.testing.assert_array_equal(array, arrays[f"{length}/{index}"])


def test_a_run_stopped_before_an_epoch_was_measured_measures_its_average(tmp_path, dataset, every_batch):
    run, whole = tmp_path / "run", tmp_path / "whole"
    config = tiny_config(dataset, epochs=1)
    train(config, whole)
    assert train(config, run, at_step(STEPS_PER_EPOCH, send(signal.SIGTERM))) == signal.SIGTERM
    assert train(config, run) is None
    assert epochs_of(run)[0]["val_loss"] == pytest.approx(epochs_of(whole)[0]["val_loss"], rel=1e-5)


def test_a_set_without_classes_cannot_teach_any(tmp_path, dataset):
    with pytest.raises(ValueError, match="has no two classes with 10 pictures each: leave out class_conditional"):
        train(tiny_config(dataset, **CLASSES), tmp_path / "run")


def test_options_reach_what_learns(tmp_path, dataset):
    options = {"learning_rate": 0.03, "weight_decay": 0.2, "clip_norm": 0.7, "repetitions": 3, "batch_size": 6}
    training = new_training(tiny_config(dataset, **options, horizontal_flips=True, seed=9), tmp_path / "run")
    optimizer = training.optimizer
    assert float(optimizer.learning_rate) == pytest.approx(0.03)
    assert (optimizer.weight_decay, optimizer.global_clipnorm) == (0.2, 0.7)
    assert training.steps_per_epoch == 3 * 32 // 6
    images = load_images(dataset, "train", 8)
    expected = training_examples(images, None, training.config, Normalizer.of(images))(4)
    np.testing.assert_array_equal(training.examples_at(4).inputs["noisy_images"], expected.inputs["noisy_images"])


def test_loss_and_what_it_stands_on_reach_what_learns(tmp_path, dataset):
    run = tmp_path / "run"
    train(tiny_config(dataset, epochs=1, learning_rate=STILL, loss="mse", loss_on="velocity"), run)
    images = load_images(dataset, "train", 8)
    examples_at = training_examples(images, None, tiny_config(dataset), Normalizer.of(images))
    squares = []
    for step in range(STEPS_PER_EPOCH):
        inputs, targets = examples_at(step)
        rates = np.sqrt(1 - inputs["noise_variances"].astype(np.float64))[:, None, None, None]
        # Without any noise predicted, all is image, and the velocity is minus that image times the noise rate.
        squares.append((targets["velocity"] + np.sqrt(1 - rates**2) * inputs["noisy_images"] / rates) ** 2)
    assert epochs_of(run)[0]["loss"] == pytest.approx(np.mean(squares), rel=1e-3)


def test_the_seed_decides_the_initial_weights(tmp_path, dataset):
    first, second, other = (
        new_training(tiny_config(dataset, seed=seed), tmp_path / name).network.get_weights()
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert all(map(np.array_equal, first, second))
    assert not all(map(np.array_equal, first, other))


def test_training_starts_from_the_weights_that_it_is_given(tmp_path, learned, dataset):
    given = ddim.load(learned, precision="float32")
    training = new_training(tiny_config(dataset, init_weights=str(learned)), tmp_path / "run")
    for network in (training.network, training.model.network):
        assert all(map(np.array_equal, network.get_weights(), given.network.get_weights()))
    np.testing.assert_array_equal(training.model.normalizer, given.normalizer)


def test_given_weights_may_learn_other_noise_levels_than_theirs(tmp_path, learned, dataset):
    given = ddim.load(learned, precision="float32")
    run = tmp_path / "run"
    config = tiny_config(dataset, init_weights=str(learned), max_signal_rate=0.995, schedule="linear_variance")
    training = new_training(config, run)
    assert all(map(np.array_equal, training.network.get_weights(), given.network.get_weights()))
    noise_variances = np.concatenate([training.examples_at(step).inputs["noise_variances"] for step in range(20)])
    assert given.config.max_signal_rate == 0.95
    assert 1 - 0.995**2 < noise_variances.min() < 1 - 0.95**2

    training.run_epochs()
    assert ddim.load(run / "best").sample_config().max_signal_rate == 0.995


@pytest.mark.parametrize("change", [{"widths": (4, 12)}, {"prediction_type": "velocity"}])
def test_weights_of_another_kind_are_refused_in_one_sentence(tmp_path, learned, dataset, change):
    with pytest.raises(ValueError, match="cannot be trained further") as error:
        train(tiny_config(dataset, init_weights=str(learned), **change), tmp_path / "run")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_precision_is_that_of_the_computation_and_weights_stay_float32(tmp_path, dataset, precision):
    training = new_training(tiny_config(dataset, precision=precision), tmp_path / "run")
    convolutions = [layer for layer in training.network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions[:-1]} == {precision}
    assert convolutions[-1].compute_dtype == "float32"
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in training.network.weights} == {"float32"}


def test_float16_goes_on_as_if_nothing_had_been(tmp_path, dataset, every_batch):
    config = tiny_config(dataset, precision="float16")
    train(config, tmp_path / "whole")
    assert train(config, tmp_path / "parts", at_step(5, send(signal.SIGTERM))) == signal.SIGTERM
    train(config, tmp_path / "parts")
    for line, expected in zip(epochs_of(tmp_path / "parts"), epochs_of(tmp_path / "whole"), strict=True):
        assert line["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-3)
    whole, parts = last_checkpoint(tmp_path / "whole"), last_checkpoint(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert len(whole) > 2 * len([name for name in whole if name.startswith("network/")])
    assert len(epochs_of(tmp_path / "whole")) == 2


def test_tensorboard_gets_the_losses_or_says_that_it_is_missing(tmp_path, dataset):
    run = tmp_path / "run"
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match="TensorBoard is not installed: pip install tensorboard."):
            train(tiny_config(dataset, epochs=1, tensorboard=True), run)
    else:
        train(tiny_config(dataset, epochs=1, tensorboard=True), run)
        assert list((run / "tensorboard").glob("events.*"))
