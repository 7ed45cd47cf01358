"""Two processes that do something together, as on two machines: here on the CPU of one."""

import importlib.util

import pytest
from serving import free_port
from tiny_runs import start_python

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX: pip install jax")

# Without optimization, which such a small network is not worth: it would take twice as long to compile.
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}


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


def start_two(*arguments, told=by_options, command=("-m", "ddim")):
    """Two processes that are told by options or variables that they belong together, and each its arguments."""
    port = free_port()
    processes = []
    for process, own in enumerate(arguments if len(arguments) == 2 else 2 * arguments):
        options, variables = told(port, process)
        processes.append(start_python(*command, *own, *options, **JAX, **variables))
    return processes


def ends_of(processes):
    """Exit code and last words of each."""
    errors = [process.communicate(timeout=300)[1] for process in processes]
    return [(process.returncode, words) for process, words in zip(processes, errors, strict=True)]
