"""Processes that measure weights together: here they are two, on the CPU of one machine."""

import json

import pytest
from groups import JAX, ends_of, needs_jax, start_two
from tiny_runs import make_pictures, start_python

from ddim.model.weights import save

pytestmark = [needs_jax, pytest.mark.slow]

# The command, with an encoder that takes no hundred megabytes.
PROGRAM = """
import sys
from ddim.cli.main import main
from ddim.evaluation import evaluate
from mean_encoder import MeanEncoder

evaluate.InceptionEncoder = MeanEncoder
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def arguments(tiny_model, tmp_path):
    save(tiny_model, tmp_path / "tiny")
    dataset = make_pictures(tmp_path / "pictures")
    options = ["--num-images=17", "--num-steps=2", "--generations=2", "--precision=float32"]
    return ["evaluate", f"--weights={tmp_path / 'tiny'}", f"--dataset={dataset}", *options]


def test_two_processes_measure_what_one_measures_and_one_of_them_says_so(arguments, tmp_path):
    alone = start_python("-c", PROGRAM, *arguments, f"--json={tmp_path / 'alone.json'}", **JAX)
    files = [tmp_path / "both.json", tmp_path / "none.json"]
    shared = [[*arguments, "--distribute=data_parallel", f"--json={file}"] for file in files]
    processes = [alone, *start_two(*shared, command=("-c", PROGRAM))]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert "KID subsets" in outputs[1][0] and "KID subsets" not in outputs[2][0] and not files[1].exists()
    (expected,) = json.loads((tmp_path / "alone.json").read_text())["measurements"]
    (measured,) = json.loads(files[0].read_text())["measurements"]
    assert measured.keys() == expected.keys()
    for name in ("kid_subsets", "kid_batches", "precision", "recall", "distance"):
        assert measured[name] == pytest.approx(expected[name], abs=1e-6), name
    assert measured["first_seeds"] == expected["first_seeds"]


def test_processes_that_do_not_measure_the_same_end_with_a_sentence(arguments):
    shared = [*arguments, "--distribute=data_parallel"]
    ends = ends_of(start_two([*shared, "--first-seed=1"], [*shared, "--first-seed=2"], command=("-c", PROGRAM)))
    assert all(code for code, _ in ends)
    assert "ddim: All processes need the same options" in ends[0][1]
