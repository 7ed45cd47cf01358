"""What the tab Train promises to those who call it, and how its options are laid out."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from serving import serve
from tiny_runs import TINY, make_pictures

from ddim import runs
from ddim.options import arguments_of, options_of, values_of
from ddim.train import PRESETS, TrainConfig
from ddim.ui import train_options, train_plots, train_view


@pytest.fixture(scope="module")
def served(tiny_model, tmp_path_factory):
    with serve(tiny_model, tmp_path_factory.mktemp("app")) as served:
        yield served


@pytest.fixture(scope="module")
def runs_dir(served):
    return Path(served[1]).parent


@pytest.fixture
def client(served):
    client = Client(served[0], verbose=False, analytics_enabled=False, download_files=False)
    yield client
    client.close()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


def start(client, name, **options):
    values = {**train_options.preset_values("quick"), **options}
    named = [option for group in train_options.GROUPS.values() for option in group]
    ordered = [train_options.shown(values[option]) for option in named]
    return client.predict(name, *ordered, api_name="/start_training")


def wait_for(run, state):
    deadline = time.monotonic() + 120
    while runs.read_status(run).state != state:
        assert time.monotonic() < deadline, runs.read_status(run)
        time.sleep(0.2)


def test_every_option_has_one_control_and_every_advice_an_option():
    named = [name for names in train_options.GROUPS.values() for name in names]
    assert sorted(named) == sorted(options_of(TrainConfig))
    assert train_options.ADVICE.keys() <= set(named)


@pytest.mark.parametrize("preset", ["quick", "tutorial", "continue"])
def test_what_the_controls_show_of_a_preset_reads_back_as_it(preset):
    values = train_options.preset_values(preset)
    config = train_options.read_options({name: train_options.shown(value) for name, value in values.items()})
    assert values_of(config) == values
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
    options = {**TINY, "dataset": dataset, "epochs": 10_000}
    start(client, "watched", **options)
    run = runs_dir / "watched"
    assert runs.is_locked(run)
    while not any("epoch" in line for line in client.predict("watched", api_name="/training_status")["metrics"]):
        assert runs.read_status(run).state == runs.RUNNING, runs.read_status(run)
        time.sleep(0.2)
    with pytest.raises(AppError, match="There is a run watched already"):
        start(client, "watched", **options)
    client.predict(str(run), api_name="/stop_training")
    wait_for(run, runs.STOPPED)
    status = client.predict("watched", api_name="/training_status")["status"]
    assert 0 < status["step"] < status["total_steps"]
    text = train_view.describe(run)
    assert "stopped" in text
    assert "KID not measured" in text
    assert set(train_plots.losses([run])["line"]) == {"watched, training", "watched, validation"}


@pytest.mark.parametrize("name", ["../escape", "a/b", ".hidden", "a b", "x" * 65])
def test_a_run_s_name_leads_nowhere_else(client, dataset, name):
    with pytest.raises(AppError, match="A run's name has up to 64"):
        start(client, name, **{**TINY, "dataset": dataset})


def test_a_run_that_cannot_begin_says_why_in_a_sentence(client, tmp_path, runs_dir):
    with suppress(AppError):  # it ends before or after it is seen to have begun
        start(client, "hopeless", **{**TINY, "dataset": f"folder:{tmp_path / 'nowhere'}"})
    wait_for(runs_dir / "hopeless", runs.FAILED)
    assert "names no folder" in runs.read_status(runs_dir / "hopeless").message


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
        start(client, "refused", **{**TINY, "dataset": dataset})


def test_a_space_may_be_allowed_to_train(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/flowers")
    monkeypatch.setenv("DDIM_TRAINING", "on")
    assert runs.training_refusal() is None


def test_arguments_of_a_configuration_leave_out_defaults():
    assert arguments_of(TrainConfig()) == []
    assert arguments_of(TrainConfig(horizontal_flips=True, epochs=3)) == ["--epochs=3", "--horizontal-flips"]
