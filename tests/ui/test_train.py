"""What the tab Train promises to those who call it, and how its options are laid out."""

import json
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from decoding import decode, gif_blocks, psnr, webp_chunks
from gradio_client.exceptions import AppError
from tiny_runs import TINY, record_run

import app
from ddim.configuration import arguments_of, options_of, values_of
from ddim.errors import UserError
from ddim.media.animation import ExportConfig
from ddim.media.embedded import read
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.weights import save
from ddim.runs.folder import FAILED, RUNNING, STOPPED, is_locked, read_status
from ddim.runs.process import training_refusal
from ddim.training.config import PRESETS, TrainConfig
from ddim.ui import export
from ddim.ui.tabs.train import options as train_options
from ddim.ui.tabs.train import plots, standing, tab


@pytest.fixture(scope="module")
def runs_dir(served):
    return Path(served[1]).parent


@pytest.fixture(scope="module")
def calls(served):
    """What the page calls, by name: most of it has no public name."""
    return {call.name: call for call in served[2].fns.values()}


def start(client, name, **options):
    values = {**train_options.preset_values("quick"), **options}
    named = [option for group in train_options.GROUPS.values() for option in group]
    ordered = [train_options.shown(values[option]) for option in named]
    return client.predict(name, *ordered, api_name="/start_training")


def wait_for(run, state):
    deadline = time.monotonic() + 120
    while read_status(run).state != state:
        assert time.monotonic() < deadline, read_status(run)
        time.sleep(0.2)


def test_every_option_has_one_control_and_every_advice_an_option():
    named = [name for names in train_options.GROUPS.values() for name in names]
    assert sorted([*named, "num_classes", "inception_weights"]) == sorted(options_of(TrainConfig))
    assert train_options.ADVICE.keys() <= set(named)


def test_every_option_is_called_in_words():
    labels = [train_options.label(name) for names in train_options.GROUPS.values() for name in names]
    assert len(set(labels)) == len(labels)
    assert not [label for label in labels if "_" in label or label.split()[0] in ("Ema", "Kid", "Init", "Min", "Max")]
    assert (train_options.label("min_signal_rate"), train_options.label("max_signal_rate")) == (
        "Lowest signal rate",
        "Highest signal rate",
    )


@pytest.mark.parametrize("preset", ["quick", "tutorial", "species", "continue"])
def test_what_the_controls_show_of_a_preset_reads_back_as_it(preset):
    values = train_options.preset_values(preset)
    config = train_options.read_options({name: train_options.shown(value) for name, value in values.items()})
    assert values_of(config) == values | {"num_classes": 0, "inception_weights": None}
    assert PRESETS.get(preset, {}).items() <= values.items()


def test_continuing_keeps_the_network_of_the_shipped_weights():
    values = train_options.preset_values("continue")
    assert values["init_weights"] == "flowers64"
    assert values["widths"] == (32, 64, 96, 128)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", None), ("learning_rate", "fast"), ("widths", "32;64"), ("widths", None), ("batch_size", float("nan"))],
)
def test_a_wrong_option_is_named_in_a_sentence(name, value):
    with pytest.raises(ValueError, match=f"^{name} cannot be"):
        train_options.read_options({name: value})


def test_a_run_is_started_watched_stopped_and_not_started_twice(client, dataset, runs_dir):
    options = {**TINY, "dataset": "folder:pictures", "epochs": 10_000}
    start(client, "watched", **options)
    run = runs_dir / "watched"
    assert is_locked(run)
    while not any("epoch" in line for line in client.predict("watched", api_name="/training_status")["metrics"]):
        assert read_status(run).state == RUNNING, read_status(run)
        time.sleep(0.2)
    with pytest.raises(AppError, match="There is a run watched already"):
        start(client, "watched", **options)
    client.predict("watched", api_name="/stop_training")
    wait_for(run, STOPPED)
    status = client.predict("watched", api_name="/training_status")["status"]
    assert 0 < status["step"] < status["total_steps"]
    text = standing.describe(run)
    assert "stopped" in text
    assert "KID not measured" in text
    assert [line["kind"] for line in plots.losses([run]) if line["points"]] == ["training", "validation"]


def ask(served, name, *values):
    """What the page is answered when it asks for this by itself: the status, and the values that are to be shown."""
    event = next(one for one in served[2].fns.values() if one.name == name)
    body = json.dumps({"data": [*values, *[None] * (len(event.inputs) - len(values))], "fn_index": event._id})
    address = f"{served[0].rstrip('/')}/gradio_api/run/predict"
    request = urllib.request.Request(address, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, json.load(answer)["data"]


@pytest.mark.parametrize(
    ("run", "overlay", "drawn"),
    [
        ("came-later", [], [["came-later"]]),
        ("came-later", ["gone", "flowers64.run"], [["came-later", "flowers64.run"]]),
        ("gone", None, []),
        (None, ["came-later"], []),
    ],
)
def test_polls_are_answered_whatever_run_a_page_has_chosen(served, runs_dir, run, overlay, drawn):
    if not (runs_dir / "came-later").exists():
        record_run(runs_dir / "came-later", 2)  # which the page does not know of: it was built before
    status, shown = ask(served, "look", run, overlay)
    assert status == 200
    assert [one["runs"] for one in shown if isinstance(one, dict) and "runs" in one] == drawn
    assert ask(served, "find_runs", run, overlay)[0] == 200
    assert ask(served, "show_epoch", run, overlay, 1_000_000)[0] == 200


def test_who_stops_a_run_that_does_not_run_is_told_so(calls, runs_dir, monkeypatch):
    record_run(runs_dir / "at-rest", 1)
    told = []
    monkeypatch.setattr(gr, "Info", told.append)
    calls["stop_training"].fn("at-rest")
    assert told == ["at-rest is not running, so there is nothing to stop."]
    assert not (runs_dir / "at-rest" / "stop").exists()


@pytest.mark.parametrize("name", ["../escape", "a/b", ".hidden", "CON", "x" * 65])
def test_a_run_s_name_leads_nowhere_else(client, dataset, name):
    with pytest.raises(AppError, match="A run's name has up to 64|No run can be called"):
        start(client, name, **{**TINY, "dataset": "folder:pictures"})


def test_a_run_that_cannot_begin_says_why_in_a_sentence(client, tmp_path, runs_dir):
    with suppress(AppError):  # it ends before or after it is seen to have begun
        start(client, "hopeless", **{**TINY, "dataset": "no_such_flowers"})
    wait_for(runs_dir / "hopeless", FAILED)
    assert "TFDS cannot find the data set 'no_such_flowers'" in read_status(runs_dir / "hopeless").message


def test_other_folders_are_no_runs(client):
    for name in ("/etc", "../..", "nothing"):
        with pytest.raises(AppError, match="There is no run"):
            client.predict(name, api_name="/training_status")
        with pytest.raises(AppError, match="There is no run"):
            client.predict(name, api_name="/stop_training")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [({"DDIM_TRAINING": "off"}, "Training is switched off here"), ({"SPACE_ID": "someone/flowers"}, "A Space shows")],
)
def test_where_training_is_refused_the_api_refuses_too(client, dataset, monkeypatch, environment, sentence):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AppError, match=sentence):
        start(client, "refused", **{**TINY, "dataset": "folder:pictures"})


@pytest.mark.parametrize(("name", "upload"), [("use_pictures", ["picture.png"]), ("unpack", "ddim-run.zip")])
def test_where_training_is_refused_nothing_is_uploaded(calls, runs_dir, monkeypatch, name, upload):
    monkeypatch.setenv("DDIM_TRAINING", "off")
    before = list(runs_dir.iterdir())
    with pytest.raises(UserError, match="Training is switched off here"):
        calls[name].fn(upload)
    assert list(runs_dir.iterdir()) == before


@pytest.mark.parametrize(("switch", "visible"), [("on", True), ("off", False)])
def test_what_trains_is_shown_only_where_training_is_allowed(tmp_path, monkeypatch, switch, visible):
    monkeypatch.setenv("DDIM_TRAINING", switch)
    calls = {call.name: call for call in app.build(str(tmp_path)).fns.values()}
    told, *parts = calls["show_what_is_allowed"].fn()
    assert told.visible != visible
    assert [part["visible"] for part in parts] == [visible] * 5


@pytest.mark.parametrize("name", ["stop_training", "resume", "delete", "use", "pack"])
def test_without_a_run_chosen_the_visitor_is_asked_for_one(calls, name):
    with pytest.raises(UserError, match="^Choose a run first.$"):
        answer = calls[name].fn(None)
        list(answer)  # packing begins only when its answer is asked for


def test_a_film_of_no_run_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="^Choose a run first.$"):
        tab.save_film(tmp_path, None, tmp_path, ".gif", ExportConfig())


def test_used_weights_are_sampled_with_the_signal_rates_they_were_trained_with(
    calls, runs_dir, tiny_config, tiny_network, tiny_normalizer
):
    config = ModelConfig(tiny_config, min_signal_rate=0.1, max_signal_rate=0.9)
    record_run(runs_dir / "narrow-band", 1)
    save(DiffusionModel(config, tiny_network, tiny_normalizer), runs_dir / "narrow-band" / "best")
    updates = calls["use"].fn("narrow-band")
    shown = {}
    for control, update in zip(calls["use"].outputs, updates, strict=True):
        shown.setdefault(control.label, []).append(update.value if isinstance(update, gr.Dropdown) else update)
    assert shown["Lowest signal rate"] == [0.1] * len(app.TABS)
    assert shown["Highest signal rate"] == [0.9] * len(app.TABS)
    assert shown["Weights"] == [(runs_dir / "narrow-band").as_posix()] * len(app.TABS)


def test_a_space_may_be_allowed_to_train(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/flowers")
    monkeypatch.setenv("DDIM_TRAINING", "on")
    assert training_refusal() is None


def test_arguments_of_a_configuration_leave_out_defaults():
    assert arguments_of(TrainConfig()) == []
    assert arguments_of(TrainConfig(horizontal_flips=True, epochs=3)) == ["--epochs=3", "--horizontal-flips"]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """The runs' folder, a run of five epochs in it, and the grids of these."""
    runs_dir = tmp_path_factory.mktemp("runs")
    return runs_dir, "flowers", record_run(runs_dir / "flowers", 5)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
def test_a_run_becomes_a_film_of_its_grids_epoch_after_epoch(filmed, tmp_path, suffix):
    runs_dir, run, grids = filmed
    config = ExportConfig(frames_per_second=4, hold_first=0.5, hold_last=1.0, factor=2)
    film = tab.save_film(runs_dir, run, tmp_path, suffix, config)
    assert film == tmp_path / f"ddim-train-flowers-5epochs{suffix}"
    recipe = {"command": "train", "run": "flowers", "dataset": "oxford_flowers102", "epochs": 5}
    assert read(film) == recipe

    frames, held = grids.repeat(2, axis=1).repeat(2, axis=2), [0, 0, 1, 2, 3, 4, 4, 4, 4]
    if suffix == ".gif":
        assert gif_blocks(film) == ((48, 96), [500, 250, 250, 250, 1000], 0, False)
    if suffix == ".webp":
        assert webp_chunks(film)[:3] == ((48, 96), [500, 250, 250, 250, 1000], 0)
    shown = decode(film, 48, 96)
    frames = frames[held] if suffix == ".mp4" else frames
    assert shown.shape == frames.shape
    lowest = {".gif": 30, ".webp": float("inf"), ".mp4": 30}[suffix]
    assert min(psnr(*pair) for pair in zip(shown, frames, strict=True)) >= lowest
    assert np.abs(shown[0].astype(int) - shown[-1]).max() > 50


def test_what_makes_no_film_is_said_in_a_sentence(filmed, tmp_path):
    runs_dir, run, _ = filmed
    record_run(runs_dir / "young", 1)
    (runs_dir / "young" / "samples" / "epoch_0001.png").unlink()
    with pytest.raises(ValueError, match="^The run young has no pictures yet: they come with the first epoch.$"):
        tab.save_film(runs_dir, "young", tmp_path, ".gif", ExportConfig())
    with pytest.raises(ValueError, match="^There is no run '/etc'.$"):
        tab.save_film(runs_dir, "/etc", tmp_path, ".gif", ExportConfig())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("suffix", "/../../escape.gif", "The kind of file must be one of .mp4"),
        ("suffix", None, "The kind of file must be one of .mp4"),
        ("frames_per_second", 0, "frames_per_second must be an integer from 1 to 50"),
        ("frames_per_second", float("nan"), "frames_per_second must be an integer from 1 to 50"),
        ("hold_first", None, "hold_first must be between 0 and 10 seconds"),
        ("hold_last", "long", "hold_last must be between 0 and 10 seconds"),
        ("enlargement", "cubic", "enlargement must be one of nearest, lanczos"),
        ("factor", "2", "factor must be an integer from 1 to 16"),
    ],
)
def test_a_file_that_cannot_be_asked_for_is_refused_in_a_sentence(name, wrong, sentence):
    choices = {"suffix": ".gif", **vars(ExportConfig())}
    assert export.read_choices(**choices) == ExportConfig()
    with pytest.raises(ValueError, match=f"^{sentence}"):
        export.read_choices(**{**choices, name: wrong})
