"""Processes that train one run together, as on several machines: here they are two, on the CPU of one."""

import importlib.util
import signal
import socket
import time

import numpy as np
import pytest
from tiny_runs import epochs_of, last_checkpoint, resume_arguments, start_command, tiny_arguments

import ddim.training.processes
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import build_unet
from ddim.model.weights import save
from ddim.runs.folder import FINISHED, STOPPED, read_status, sample_grids
from ddim.training.processes import ALONE, Group, await_process_0, joined

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX: pip install jax")

OPTIONS = {"distribute": "data_parallel", "epochs": 10, "clip_norm": 0.05, "checkpoint_minutes": 0.0005}
TOTAL_STEPS = 40
# Without optimization, which such a small network is not worth: it would take twice as long to compile.
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}


def arguments_of(dataset, run, **options):
    return [*tiny_arguments(dataset, run, **{**OPTIONS, **options}), "--horizontal-flips"]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def by_options(port, process):
    return ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process", str(process)], {}


def by_variables_of_keras(port, process):
    numbers = {"KERAS_DISTRIBUTION_NUM_PROCESSES": "2", "KERAS_DISTRIBUTION_PROCESS_ID": str(process)}
    return [], {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}", **numbers}


def by_slurm(port, process):
    """What `srun` sets for a step of two tasks."""
    step = {"SLURM_JOB_ID": "17", "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2"}
    task = {"SLURM_PROCID": str(process), "SLURM_LOCALID": str(process), "JAX_COORDINATOR_PORT": str(port)}
    return [], {**step, **task}


def start_two(*arguments, told=by_options):
    """Two processes that are told by options or variables that they belong together, and each its arguments."""
    port = free_port()
    processes = []
    for process, own in enumerate(arguments if len(arguments) == 2 else 2 * arguments):
        options, variables = told(port, process)
        processes.append(start_command([*own, *options], **JAX, **variables))
    return processes


def ends_of(processes):
    """Exit code and last words of each."""
    errors = [process.communicate(timeout=300)[1] for process in processes]
    return [(process.returncode, words) for process, words in zip(processes, errors, strict=True)]


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
    assert "Another process of this run has ended, so this one ends too" in errors
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
        ([{}, {"seed": 1}], "All processes of a run need the same --run, the same options"),
        ([{"batch_size": 7}] * 2, "batch_size must be a multiple of the 2 devices that share it, but is 7."),
    ],
)
def test_processes_that_cannot_train_together_end_with_a_sentence(tmp_path, dataset, options, because):
    run = tmp_path / "run"
    ends = ends_of(start_two(*(arguments_of(dataset, run, **own) for own in options)))
    assert all(code for code, _ in ends)
    assert f"ddim: {because}" in ends[0][1]


@pytest.mark.parametrize(
    "options, because",
    [
        (("host:1234", 2, None), r"belong together, .*KERAS_DISTRIBUTION_PROCESS_ID\), but process is missing."),
        ((None, None, 0), r"belong together, .* but coordinator is missing."),
        (("host", 2, 0), "coordinator must be HOST:PORT, but is 'host'."),
        (("host:1234", 2, 2), "process must be at least 0 and below processes, but is 2 of 2."),
        (("host:1234", 2, -1), "process must be at least 0 and below processes, but is -1 of 2."),
        (("host:1234", 0, 0), "process must be at least 0 and below processes, but is 0 of 0."),
    ],
)
def test_a_group_that_cannot_be_is_refused(options, because):
    with pytest.raises(ValueError, match=because):
        Group(*options)


def test_a_group_shares_batches_on_jax_alone(monkeypatch):
    group = Group("127.0.0.1:1", 2, 0)
    with pytest.raises(ValueError, match="--process need --distribute data_parallel"), joined(group, "mirrored"):
        pytest.fail("nobody may join")
    with joined(group, "data_parallel") as member:  # under TensorFlow, which the run refuses
        assert member == ALONE
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")  # of another program
    with joined(Group(), "none") as member:
        assert member == ALONE


def test_where_process_0_does_not_answer_a_sentence_says_so(monkeypatch):
    monkeypatch.setattr(ddim.training.processes, "SECONDS_TO_MEET", 0.6)
    for address in (f"127.0.0.1:{free_port()}", "nowhere.invalid:1234"):
        with pytest.raises(ValueError, match=f"Process 0 does not answer at {address}: "):
            await_process_0(address)
    with socket.create_server(("127.0.0.1", 0)) as server:
        await_process_0(f"127.0.0.1:{server.getsockname()[1]}")
