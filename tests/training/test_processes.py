"""Processes that train one run together, as on several machines: here they are two, on the CPU of one."""

import signal
import time

import numpy as np
import pytest
from groups import JAX, by_slurm, by_variables_of_keras, ends_of, needs_jax, start_two
from tiny_runs import epochs_of, last_checkpoint, resume_arguments, start_command, tiny_arguments

from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import build_unet
from ddim.model.weights import save
from ddim.runs.folder import FINISHED, STOPPED, read_status, sample_grids

OPTIONS = {"distribute": "data_parallel", "epochs": 10, "clip_norm": 0.05, "checkpoint_minutes": 0.0005}
TOTAL_STEPS = 40


def arguments_of(dataset, run, **options):
    return [*tiny_arguments(dataset, run, **{**OPTIONS, **options}), "--horizontal-flips"]


def wait_for_step(run, step, processes):
    """Return once the run is known to have learned from that many batches, or a process has ended."""
    while read_status(run).step < step and all(process.poll() is None for process in processes):
        time.sleep(0.01)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, dataset):
    """The run of a single process."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    ((code, errors),) = ends_of([start_command(arguments_of(dataset, run, distribute="none"), **JAX)])
    assert code == 0, errors
    return run


def assert_same_losses(run, alone):
    for line, expected in zip(epochs_of(run), epochs_of(alone), strict=True):
        assert (line["epoch"], line["step"]) == (expected["epoch"], expected["step"])
        for name in ("loss", "image_loss", "val_loss", "val_image_loss"):
            assert line[name] == pytest.approx(expected[name], rel=1e-4), (name, line["epoch"])


def assert_same_run(run, alone):
    status = read_status(run)
    assert (status.state, status.step) == (FINISHED, TOTAL_STEPS)
    assert_same_losses(run, alone)
    arrays, expected = last_checkpoint(run), last_checkpoint(alone)
    assert arrays.keys() == expected.keys()
    for name in expected:
        if not name.startswith("optimizer/"):
            np.testing.assert_allclose(arrays[name], expected[name], rtol=1e-3, atol=5e-4, err_msg=name)
    assert len(sample_grids(run)) == OPTIONS["epochs"]


@needs_jax
@pytest.mark.slow
def test_two_processes_that_slurm_starts_learn_what_one_learns(tmp_path, dataset, alone):
    run = tmp_path / "run"
    ends = ends_of(start_two(arguments_of(dataset, run), told=by_slurm))
    assert [code for code, _ in ends] == [0, 0], ends
    assert_same_run(run, alone)


@needs_jax
@pytest.mark.slow
def test_two_processes_distil_what_one_distils(tmp_path, dataset, tiny_config, tiny_normalizer):
    teacher, place = tmp_path / "teacher", ["--runs-dir", str(tmp_path)]
    save(DiffusionModel(ModelConfig(tiny_config), build_unet(tiny_config), tiny_normalizer), teacher)
    options = ["--dataset", dataset, "--epochs=2", "--repetitions=1", "--batch-size=8", "--kid-images=0"]
    distil = ["distill", str(teacher), *place, *options, "--precision=float32", "--warmup-steps=0"]
    alone = start_command([*distil, "--run=alone"], **JAX)
    ends = ends_of([alone, *start_two([*distil, "--run=both", "--distribute=data_parallel"])])
    assert [code for code, _ in ends] == [0, 0, 0], ends
    assert epochs_of(tmp_path / "both")[-1]["step"] == 8
    assert_same_losses(tmp_path / "both", tmp_path / "alone")


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize(
    "killed, goes_on",
    [
        pytest.param(0, lambda run: start_two(resume_arguments(run)), id="process 0, and both go on"),
        pytest.param(
            1, lambda run: [start_command(resume_arguments(run), **JAX)], id="process 1, and one goes on alone"
        ),
    ],
)
def test_where_one_is_killed_the_other_ends_with_a_sentence_and_nothing_is_lost(
    tmp_path, dataset, alone, killed, goes_on
):
    run = tmp_path / "run"
    processes = start_two(arguments_of(dataset, run))
    wait_for_step(run, 12, processes)
    processes[killed].send_signal(signal.SIGKILL)
    code, errors = ends_of(processes)[1 - killed]
    assert code not in (0, -signal.SIGKILL)
    assert "Another of these processes has ended, so this one ends too" in errors
    assert 12 <= read_status(run).step < TOTAL_STEPS

    ends = ends_of(goes_on(run))
    assert not any(code for code, _ in ends), ends
    assert_same_run(run, alone)


@needs_jax
@pytest.mark.slow
def test_a_stop_asked_of_one_stops_all_after_the_same_batch(tmp_path, dataset):
    run = tmp_path / "run"
    processes = start_two(arguments_of(dataset, run, epochs=1000), told=by_variables_of_keras)
    wait_for_step(run, 8, processes)
    processes[1].send_signal(signal.SIGTERM)
    ends = ends_of(processes)
    assert [code for code, _ in ends] == [0, 0], ends
    assert all(f"{run}: stopped, go on with train --resume" in errors for _, errors in ends)
    status = read_status(run)
    assert status.state == STOPPED
    assert (run / "checkpoints" / f"step_{status.step:08d}").is_dir()


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize(
    "options, because",
    [
        ([{}, {"seed": 1}], "All processes need the same options"),
        ([{"batch_size": 7}] * 2, "batch_size must be a multiple of the 2 devices that share it, but is 7."),
    ],
)
def test_processes_that_cannot_train_together_end_with_a_sentence(tmp_path, dataset, options, because):
    run = tmp_path / "run"
    ends = ends_of(start_two(*(arguments_of(dataset, run, **own) for own in options)))
    assert all(code for code, _ in ends)
    assert f"ddim: {because}" in ends[0][1]
