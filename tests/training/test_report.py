"""What a training process reports about its speed, by a clock that a test turns."""

import pytest

from ddim.runs.folder import RUNNING, STOPPED, Status, locked, read_status, write_status
from ddim.training import report as module
from ddim.training.checkpoints import Progress
from ddim.training.report import Report


@pytest.fixture
def clock(monkeypatch):
    """Turns the time of the reports: `clock(seconds)`."""
    now = [1_000_000.0]
    monkeypatch.setattr(module.time, "time", lambda: now[0])

    def turn(seconds):
        now[0] += seconds

    return turn


def test_a_resumed_run_has_no_estimate_before_its_steps_and_its_start_up_is_no_step(tmp_path, clock):
    write_status(tmp_path, Status(STOPPED, 40, 100, 1, 2, 7.0, 9.0, 420.0))
    with locked(tmp_path):
        report = Report(tmp_path, epochs=2, batch_size=8, show=lambda line: None, tensorboard=False)
        report.status(RUNNING, "Reading pictures.")
        status = read_status(tmp_path)
        assert (status.step, status.total_steps) == (40, 100)
        assert status.seconds_per_step is status.images_per_second is status.seconds_left is None

        report.progress, report.steps_per_epoch = Progress(step=40), 50
        clock(30)  # it reads, compiles, and takes the first step
        for step in range(41, 44):
            report.progress.step = step
            report.batch(report.progress, {"loss": 1.0})
            clock(2)
        report.status(RUNNING)
        status = read_status(tmp_path)
        assert status.seconds_per_step == pytest.approx(2)
        assert status.images_per_second == pytest.approx(4)
        assert status.seconds_left == pytest.approx(2 * 57)


def test_the_first_line_on_the_terminal_tells_no_speed_that_nobody_knows(tmp_path, clock):
    lines = []
    report = Report(tmp_path, epochs=1, batch_size=8, show=lines.append, tensorboard=False)
    report.progress, report.steps_per_epoch = Progress(), 10
    for step in (1, 2):
        clock(2)
        report.progress.step = step
        report.batch(report.progress, {"loss": 0.5})
    assert lines == ["epoch 1/1  step 1  loss 0.5000", "epoch 1/1  step 2  loss 0.5000  4.0 pictures/s  0:00:16 left"]


def test_steps_that_compile_once_more_or_save_are_no_part_of_the_speed(tmp_path, clock):
    report = Report(tmp_path, epochs=1, batch_size=8, show=lambda line: None, tensorboard=False)
    report.progress, report.steps_per_epoch = Progress(), 100
    speeds = []
    for seconds in (60, 50, 2, 2, 2, 30, 2, 2):  # JAX compiles twice; later there is a checkpoint
        clock(seconds)
        report.batch(report.progress, {"loss": 0.5})
        speeds.append(report.seconds_per_step)
    assert speeds[:2] == [None, 50]
    assert speeds[2:] == [2] * 6


def test_the_speed_follows_a_machine_that_has_become_slower(tmp_path, clock):
    report = Report(tmp_path, epochs=1, batch_size=8, show=lambda line: None, tensorboard=False)
    report.progress, report.steps_per_epoch = Progress(), 100
    for seconds in [2] * 30 + [5] * 12:
        clock(seconds)
        report.batch(report.progress, {"loss": 0.5})
    assert report.seconds_per_step == 5
