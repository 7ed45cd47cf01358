import socket

from tiny_runs import start_python

from ddim.processes.lifeline import FAREWELL, LOST, connected

PASSWORD = b"open sesame"
PROCESS_0 = f"""
import sys
from ddim.processes import lifeline

lifeline.SECONDS_TO_CLOSE = 0
with lifeline.listener() as server:
    print(server.getsockname()[1], flush=True)
    with lifeline.lifeline("", {PASSWORD!r}, server, others=1):
        print("all alive", flush=True)
        sys.stdin.readline()
print("over")
"""


def process_0_and_connection():
    """A process that is connected with this one, and the connection."""
    process = start_python("-c", PROCESS_0, stdin=-1)
    address = f"127.0.0.1:{process.stdout.readline().strip()}"
    with connected(address) as stranger:
        stranger.sendall(b"open barley")
        other = connected(address)
        other.sendall(PASSWORD)
        assert process.stdout.readline() == "all alive\n"
    return process, other


def test_a_process_that_loses_another_ends_with_a_sentence():
    process, other = process_0_and_connection()
    other.close()
    assert process.wait(timeout=100) == 1  # though its input is still open
    assert process.communicate() == ("", f"{LOST}\n")


def test_a_process_that_has_said_farewell_is_not_lost():
    process, other = process_0_and_connection()
    other.sendall(FAREWELL)
    other.shutdown(socket.SHUT_WR)
    assert process.communicate("\n", timeout=100) == ("over\n", "")
    assert process.returncode == 0
    assert other.recv(1) == FAREWELL
    other.close()
