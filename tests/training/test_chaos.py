"""Processes that train, and are stopped and killed at moments that nobody chose."""

import os
import random
import signal
import subprocess
import time

import pytest
from tiny_runs import epochs_of, last_checkpoint, resume_arguments, start_command, tiny_arguments

from ddim.runs.folder import FINISHED, RUNNING, STOPPED, is_locked, read_status, recorded, sample_grids
from ddim.runs.process import delete_run, start_run, stop_run

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("DDIM_TEST_KILLS", "3"))  # 20 by hand
OPTIONS = {"epochs": 4 * KILLS, "checkpoint_minutes": 0.0005}
TOTAL_STEPS = 16 * KILLS


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, dataset):
    """A run that nothing disturbs, and its process, which trains beside the others."""
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    with start_command(tiny_arguments(dataset, run, **OPTIONS)) as process:
        yield run, process


def end_of(process):
    """The exit code of a process that ends by itself."""
    process.communicate(timeout=300)
    return process.returncode


def wait_for_step(run, process, step):
    """Return once this process has learned from that many batches, or has ended."""
    while process.poll() is None:
        status = read_status(run)
        if status.process == process.pid and status.step >= step:
            return
        time.sleep(0.01)


def assert_as_if_undisturbed(run, undisturbed):
    undisturbed, process = undisturbed
    assert process.wait(timeout=300) == 0
    status = read_status(run)
    assert (status.state, status.step) == (FINISHED, TOTAL_STEPS)
    lines, expected_lines = epochs_of(run), epochs_of(undisturbed)
    assert [line["epoch"] for line in lines] == list(range(1, OPTIONS["epochs"] + 1))
    for line, expected in zip(lines, expected_lines, strict=True):
        assert line["step"] == expected["step"]
        for name in ("loss", "image_loss", "val_loss", "val_image_loss"):
            assert line[name] == pytest.approx(expected[name], rel=1e-3), (name, line["epoch"])
    assert last_checkpoint(run).keys() == last_checkpoint(undisturbed).keys()
    assert len(sample_grids(run)) == OPTIONS["epochs"]


def test_killed_at_random_moments_a_run_ends_as_if_undisturbed(tmp_path, dataset, undisturbed):
    run = tmp_path / "run"
    generator = random.Random(0)
    deaths = 0
    for kill in range(KILLS):
        has_begun = (run / "config.json").exists()
        arguments = resume_arguments(run) if has_begun else tiny_arguments(dataset, run, **OPTIONS)
        process = start_command(arguments)
        # Every third kill may come while it starts; the others come as it learns, measures or saves.
        if kill % 3:
            wait_for_step(run, process, 0.8 * TOTAL_STEPS * (kill + generator.random()) / KILLS)
            time.sleep(generator.uniform(0, 0.2))
        else:
            time.sleep(generator.uniform(0, 8))
        process.send_signal(signal.SIGKILL)
        end_of(process)
        status = read_status(run)
        assert status.state in (STOPPED, FINISHED)
        deaths += status.state == STOPPED
        if status.state == STOPPED and (run / "status.json").exists():
            assert status.message == "The process ended without a word; the run can be resumed."
    arguments = resume_arguments(run) if (run / "config.json").exists() else tiny_arguments(dataset, run, **OPTIONS)
    process = start_command(arguments)
    assert end_of(process) == 0
    assert deaths >= KILLS / 2
    assert_as_if_undisturbed(run, undisturbed)


def test_sigterm_ends_with_0_and_ctrl_c_with_130_and_both_save(tmp_path, dataset, undisturbed):
    run = tmp_path / "run"
    for arguments, kind, exit_code, step in (
        (tiny_arguments(dataset, run, **OPTIONS), signal.SIGTERM, 0, TOTAL_STEPS // 5),
        (resume_arguments(run), signal.SIGINT, 130, TOTAL_STEPS // 2),
    ):
        process = start_command(arguments)
        wait_for_step(run, process, step)
        process.send_signal(kind)
        assert end_of(process) == exit_code
        status = read_status(run)
        assert status.state == STOPPED
        assert step <= status.step < TOTAL_STEPS
        assert (run / "checkpoints" / f"step_{status.step:08d}").is_dir()
    assert end_of(start_command(resume_arguments(run))) == 0
    assert_as_if_undisturbed(run, undisturbed)


@pytest.mark.parametrize("phase", ["Reading pictures.", "Compiling the network."])
def test_a_run_that_has_not_begun_to_learn_is_stopped_at_once(tmp_path, dataset, phase):
    run = tmp_path / "run"
    process = start_command(tiny_arguments(dataset, run))
    while read_status(run).message != phase and process.poll() is None:
        time.sleep(0.001)
    stop_run(run)
    assert end_of(process) == 0
    status = read_status(run)
    assert (status.state, status.step, status.message) == (STOPPED, 0, "")
    assert not (run / "checkpoints").exists()


def test_a_run_started_from_afar_is_on_record_and_one_process_s_alone_until_stopped(tmp_path, dataset, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.delenv("DDIM_TRAINING", raising=False)
    run = tmp_path / "run"
    start_run(run, tiny_arguments(dataset, run, epochs=10_000)[5:])
    assert run in recorded(tmp_path)
    while not (process := read_status(run).process):
        assert is_locked(run)
        time.sleep(0.01)
    try:
        while not read_status(run).step:
            assert is_locked(run)
            time.sleep(0.05)
        with pytest.raises(ValueError, match="run is running already."):
            start_run(run, ["--resume"])
        with pytest.raises(ValueError, match="run is running: stop it before deleting it."):
            delete_run(run)

        second = start_command(resume_arguments(run))
        _, errors = second.communicate(timeout=100)
        assert second.returncode == 2
        assert errors == "ddim: Another process is training run: stop that one first, or choose another name.\n"
        assert (read_status(run).state, read_status(run).process) == (RUNNING, process)

        stop_run(run)
        while is_locked(run):
            time.sleep(0.05)
    finally:
        subprocess.run(["kill", "-9", str(process)], capture_output=True)
    assert read_status(run).state == STOPPED
    assert list((run / "checkpoints").iterdir())
    delete_run(run)
    assert not run.exists()
