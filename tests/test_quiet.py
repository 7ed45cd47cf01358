"""Commands and the app print their own lines, and TensorFlow's errors, but none of its greetings."""

import subprocess
import sys

import pytest
from serving import free_port
from tiny_runs import ROOT, run_python, start_command, start_python


@pytest.mark.slow
def test_a_command_prints_its_own_lines_alone(tiny_weights, tmp_path):
    few = ["--num-images", "1", "--num-steps", "1"]
    process = start_command(["sample", "--weights", tiny_weights, *few, "--output", str(tmp_path / "one.png")])
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output) == (0, "")
    assert errors == f"{tmp_path / 'one.png'}: 1 pictures, seeds 0 to 0, 1 network evaluations each\n"


@pytest.mark.slow
def test_the_app_prints_its_address_alone(tmp_path):
    program = """if True:
        import os, signal
        import app
        from ddim.ui import health
        # Until the network is loaded, and what it compiles first, which takes a thread of its own.
        warm_up = health.warm_up
        health.warm_up = lambda runs_dir: (warm_up(runs_dir), os.kill(os.getpid(), signal.SIGINT))
        app.main()"""
    port = free_port()
    process = start_python("-c", program, "--port", str(port), "--runs-dir", str(tmp_path))
    output, errors = process.communicate(timeout=200)
    assert f"http://127.0.0.1:{port}" in output
    assert (process.returncode, errors) == (130, "")


def test_errors_of_tensorflow_and_words_of_others_are_held_back_but_not_lost():
    program = """if True:
        import os
        from ddim.quiet import _without_greetings
        with _without_greetings():
            os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN custom operations are on.\\n")
            os.write(2, b"E0000 00:00:1 gpu.cc:1] out of memory\\n")
            os.write(2, b"a word of another library\\n")
        """
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert result.stderr == "E0000 00:00:1 gpu.cc:1] out of memory\na word of another library\n"


def test_whoever_only_asks_for_tensorflow_does_not_make_it_loud():
    program = """if True:
        from importlib.util import find_spec
        from ddim.quiet import start_quietly
        start_quietly()
        assert find_spec("tensorflow") and find_spec("tensorflow")
        import tensorflow"""
    process = start_python("-c", program)
    assert process.communicate(timeout=200) == ("", "")


def test_who_only_imports_the_package_gets_no_hook():
    program = "import sys, ddim; print([finder for finder in sys.meta_path if 'quiet' in repr(finder)])"
    assert run_python("-c", program).strip() == "[]"
