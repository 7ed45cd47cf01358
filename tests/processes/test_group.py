"""Which processes belong together, and what is said where they cannot."""

import socket

import pytest
from serving import free_port

import ddim.processes.group
from ddim.processes.group import Group, await_process_0, joined
from ddim.processes.member import ALONE


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
    monkeypatch.setattr(ddim.processes.group, "SECONDS_TO_MEET", 0.6)
    for address in (f"127.0.0.1:{free_port()}", "nowhere.invalid:1234"):
        with pytest.raises(ValueError, match=f"Process 0 does not answer at {address}: "):
            await_process_0(address)
    with socket.create_server(("127.0.0.1", 0)) as server:
        await_process_0(f"127.0.0.1:{server.getsockname()[1]}")
