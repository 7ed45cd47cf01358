"""Several processes that train one run or measure weights together, on one machine or many: JAX connects them.

Each does its share of every batch, or of all pictures. Process 0 alone writes.
"""

import atexit
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

from ddim.errors import UserError
from ddim.processes.lifeline import LOST, connected, lifeline, listener
from ddim.processes.member import ALONE, Member

HEARTBEAT_SECONDS = 60
SECONDS_TO_LEAVE = 2
SECONDS_TO_MEET = 300
VARIABLES = {
    "coordinator": "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "processes": "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "process": "KERAS_DISTRIBUTION_PROCESS_ID",
}
BACKENDS = {"mirrored": "tensorflow", "data_parallel": "jax"}  # that share work so
LAUNCHED = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")  # how many srun or mpirun has started
COLLECTIVES = ("Gloo", "NCCL")  # what JAX exchanges numbers by, as its errors name it


@dataclass(frozen=True)
class Group:
    """Which processes belong together, where neither SLURM nor Open MPI says so.

    Attributes:
        coordinator: HOST:PORT at which process 0 awaits the others, of several processes that do this together.
        processes: How many processes these are.
        process: Which of them this is, from 0.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None

    def __post_init__(self) -> None:
        absent = [name for name, value in vars(self).items() if value is None]
        if len(absent) == len(VARIABLES):
            return
        if absent:
            raise UserError(
                "coordinator, processes and process belong together, all as options or all as variables "
                f"({', '.join(VARIABLES.values())}), but {absent[0]} is missing."
            )
        host, _, port = str(self.coordinator).rpartition(":")
        if not host or not port.isdecimal():
            raise UserError(f"coordinator must be HOST:PORT, but is {self.coordinator!r}.")
        if not 0 <= int(self.process or 0) < int(self.processes or 0):
            raise UserError(
                f"process must be at least 0 and below processes, but is {self.process} of {self.processes}."
            )


UNNAMED = Group()


@contextmanager
def joined(group: Group, distribute: str) -> Iterator[Member]:
    """Connect the processes of a group, or those that variables or a launcher tell of, until all of them are done.

    If this one fails, it waits for none: it ends with code 1, and so do they, within a minute. Raises UserError
    for a group that is incomplete or cannot be connected, and for one where nothing is shared.
    """
    if distribute != "data_parallel":
        if group != UNNAMED:
            raise UserError("--coordinator, --processes and --process need --distribute data_parallel.")
        yield ALONE
        return
    import keras  # which takes its time

    if keras.backend.backend() != "jax":  # which will be refused, by a run in its status too
        yield ALONE
        return
    import jax

    is_ours = not jax.distributed.is_initialized()  # and not that of a script
    if is_ours:
        group = group if group != UNNAMED else _group_of_environment()
        if group != UNNAMED or any(int(os.environ.get(name, 1)) > 1 for name in LAUNCHED):
            _connect(group)
    member = Member(jax.process_index(), jax.process_count())
    try:
        if jax.device_count() != member.processes * jax.local_device_count():
            raise UserError(
                f"Each process must bring as many devices as the others, but of {jax.device_count()} devices, "
                f"{member.processes} processes have {jax.local_device_count()} here."
            )
        with _all_alive(member, group) if member.processes > 1 else nullcontext():
            yield member
            with losses_told():
                member.greatest(0)  # all have come to the end
    except BaseException:
        if member.processes > 1:
            atexit.register(_leave)
        raise
    if is_ours:
        jax.distributed.shutdown()


def check_backend(distribute: str) -> None:
    """Raise UserError for a way to share work that the backend of Keras does not know."""
    import keras

    needed = BACKENDS.get(distribute, keras.backend.backend())
    if needed != keras.backend.backend():
        raise UserError(f"--distribute {distribute} needs the Keras backend {needed}: set KERAS_BACKEND={needed}.")


@contextmanager
def losses_told() -> Iterator[None]:
    """Raise UserError where one of the other processes is lost."""
    try:
        yield
    except Exception as error:
        if any(name in str(error) for name in COLLECTIVES):
            raise UserError(LOST) from error
        raise


def _group_of_environment() -> Group:
    """What the variables of Keras say. Raises UserError as Group does."""
    found = {name: os.environ[variable] for name, variable in VARIABLES.items() if os.environ.get(variable)}
    numbers: dict[str, int] = {}
    for name in ("processes", "process"):
        if name in found:
            if not found[name].isdecimal():
                raise UserError(f"{VARIABLES[name]} must be a whole number, but is {found[name]!r}.")
            numbers[name] = int(found[name])
    addresses = found.get("coordinator")
    return Group(addresses.partition(",")[0] if addresses else None, **numbers)


def _connect(group: Group) -> None:
    """Before JAX touches a device: afterwards it knows those of all processes.

    `keras.distribution.initialize` does the same, but has no say in how soon a lost process is noticed.
    """
    import jax
    import tensorflow  # noqa: F401  Keras does later, and what is said meanwhile may be held back (quiet.py)

    if group.coordinator and group.process:
        await_process_0(group.coordinator)
    jax.config.update("jax_enable_preemption_service", False)  # it would listen to SIGTERM itself
    try:
        jax.distributed.initialize(
            group.coordinator,
            group.processes,
            group.process,
            initialization_timeout=SECONDS_TO_MEET,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        where = f" at {group.coordinator}" if group.coordinator else ""
        raise UserError(f"The processes of this run do not find each other{where}: {error}") from error


def await_process_0(coordinator: str) -> None:
    """Return once process 0 listens. Raises UserError if it does not for too long, where JAX would print a stack."""
    end = time.monotonic() + SECONDS_TO_MEET
    while True:
        try:
            return connected(coordinator).close()
        except OSError as error:
            if isinstance(error, socket.gaierror) or time.monotonic() > end:
                raise UserError(f"Process 0 does not answer at {coordinator}: {error}.") from error
        time.sleep(0.5)


@contextmanager
def _all_alive(member: Member, group: Group) -> Iterator[None]:
    """End this process as soon as another one is lost."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    with listener() if member.writes else nullcontext() as server:
        host = group.coordinator.rpartition(":")[0] if group.coordinator else socket.gethostname()
        text = f"{host}:{server.getsockname()[1]} {secrets.token_hex()}" if server else ""
        sent = broadcast_one_to_all(np.frombuffer(text.encode().ljust(512), np.uint8))
        address, password = bytes(sent).split()
        with lifeline(address.decode(), password, server, member.processes - 1):
            yield


def _leave() -> None:
    """End without the farewell of JAX, which waits for processes that may be waiting for this one.

    It takes the others along: those that fail for the same reason have a moment to say so themselves.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(SECONDS_TO_LEAVE)
    os._exit(1)
