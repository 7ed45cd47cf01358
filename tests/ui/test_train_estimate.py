"""What a run is said to take before it is started: steps from the pictures at hand, time from runs on this machine."""

from dataclasses import asdict, replace

import pytest
from tiny_runs import TINY, make_pictures, tiny_config

from ddim.configuration import from_options
from ddim.runs.folder import FINISHED, Status, write_json, write_status
from ddim.training.config import PRESETS, TrainConfig
from ddim.ui.tabs.train.estimate import estimate, num_pictures, seconds_per_step, steps_needed


@pytest.fixture
def pictures(tmp_path):
    """A data set of 40 pictures, 32 of them to learn from."""
    return make_pictures(tmp_path / "pictures")


@pytest.fixture
def runs_dir(tmp_path):
    return tmp_path / "runs"


def record(runs_dir, name, config, seconds):
    (runs_dir / name).mkdir(parents=True)
    write_json(runs_dir / name / "config.json", asdict(config))
    write_status(runs_dir / name, Status(FINISHED, 8, 8, 2, 2, seconds_per_step=seconds))


def test_few_steps_are_said_to_be_too_few_with_how_many_epochs_would_do(pictures, runs_dir):
    assert num_pictures(pictures) == 32
    config = tiny_config(pictures, epochs=3, repetitions=2)  # 2 x 32 / 8 steps an epoch
    assert estimate(config, str(runs_dir)) == (
        "32 pictures to learn from, 3 epochs: 24 steps, too few: noise or blots are likely. 125 epochs would do. "
        "How long is not known before it runs: no run here has had such a network and batch."
    )


def test_time_is_that_of_runs_of_the_same_work_on_this_machine(pictures, runs_dir):
    config = tiny_config(pictures, epochs=300)
    record(runs_dir, "other", replace(config, batch_size=16), 9.0)
    record(runs_dir, "on many machines", replace(config, distribute="data_parallel"), 0.1)
    assert seconds_per_step(config, str(runs_dir)) is None
    record(runs_dir, "same", replace(config, epochs=1, loss="mse"), 0.3)
    assert seconds_per_step(config, str(runs_dir)) == 0.3
    assert "1200 steps, which take about 6 minutes here" in estimate(config, str(runs_dir))
    assert "250 epochs would do, which take about 5 minutes here" in estimate(replace(config, epochs=2), str(runs_dir))
    (runs_dir / "same" / "config.json").write_text("{")
    assert seconds_per_step(config, str(runs_dir)) is None


def test_an_average_that_remembers_its_beginning_needs_more_steps():
    assert steps_needed(from_options(TrainConfig, {**TINY, "ema_momentum": 0.99})) == 1000
    steps = steps_needed(TrainConfig())  # of momentum 0.999
    assert 0.999**steps <= 0.1 < 0.999 ** (steps - 1)
    assert steps_needed(from_options(TrainConfig, PRESETS["species"])) == 1000
    assert steps_needed(TrainConfig(init_weights="flowers64")) == 0


def test_weights_to_begin_with_make_few_steps_enough(pictures, runs_dir):
    told = estimate(tiny_config(pictures, init_weights="flowers64"), str(runs_dir))
    assert "too few" not in told
    assert told.endswith("It begins with flowers64, which makes pictures already.")


def test_a_batch_that_is_never_filled_is_said(pictures, runs_dir):
    told = estimate(tiny_config(pictures, batch_size=64), str(runs_dir))
    assert told.endswith("not one step, since they do not fill a batch of 64. Make the batches smaller.")


def test_a_set_that_nobody_has_counted_is_said_to_be_so(runs_dir):
    assert "is seen when the run starts" in estimate(tiny_config("tfds:cifar10"), str(runs_dir))
