import keras
import numpy as np
import pytest

from ddim.training.averages import average_of, exponent_of, power_momentum, save_snapshot
from ddim.training.running_averages import arrays_of, update_average

LENGTHS = (0.05, 0.1)
STEPS = 400


def weights_at(step):
    """What training might have at a step: something that drifts, and a trace of each step."""
    trace = np.zeros(STEPS, np.float32)
    trace[step - 1] = 1
    return [keras.Variable(array) for array in (np.array([np.sin(step / 60), step / STEPS], np.float32), trace)]


def averaged(length, steps=STEPS):
    average = nothing_averaged()
    for step in range(1, steps + 1):
        update_average(average, weights_at(step), power_momentum(step, length))
    return arrays_of(average)


def nothing_averaged():
    return [keras.Variable(np.zeros_like(array)) for array in weights_at(1)]


@pytest.mark.parametrize("length", [0.03, 0.05, 0.1, 0.2])
def test_each_step_counts_by_a_power_of_its_number_whose_deviation_is_the_length(length):
    _, shares = averaged(length)
    assert shares.sum() == pytest.approx(1, rel=1e-4)
    times = (np.arange(STEPS) + 0.5) / STEPS
    mean = shares @ times
    assert np.sqrt(shares @ (times - mean) ** 2) == pytest.approx(length, rel=0.01)
    exponent = exponent_of(length)
    profile = (exponent + 1) * times**exponent / STEPS
    np.testing.assert_allclose(shares, profile, atol=0.02 * profile.max())


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Snapshots of averages of two lengths, at each twentieth of a run."""
    folder = tmp_path_factory.mktemp("run") / "snapshots"
    averages = [nothing_averaged() for _ in LENGTHS]
    for step in range(1, STEPS + 1):
        for average, length in zip(averages, LENGTHS, strict=True):
            update_average(average, weights_at(step), power_momentum(step, length))
        if step % (STEPS // 20) == 0:
            save_snapshot(folder, step, LENGTHS, [arrays_of(average) for average in averages])
    return folder


@pytest.mark.parametrize("length, tolerance", [(0.05, 1e-5), (0.1, 1e-5), (0.07, 0.003), (0.15, 0.003), (0.2, 0.01)])
def test_snapshots_give_the_average_of_any_length_afterwards(snapshots, length, tolerance):
    drift, _ = average_of(snapshots, length)
    expected, _ = averaged(length)
    np.testing.assert_allclose(drift, expected, atol=tolerance)


def test_snapshots_give_the_average_of_a_run_that_ended_earlier(snapshots):
    drift, shares = average_of(snapshots, 0.07, step=STEPS // 2)
    expected, _ = averaged(0.07, STEPS // 2)
    np.testing.assert_allclose(drift, expected, atol=0.003)
    assert not shares[STEPS // 2 :].any()


@pytest.mark.parametrize("length", [0, -0.1, 0.3, float("nan")])
def test_a_length_that_is_none_is_refused(snapshots, length):
    with pytest.raises(ValueError, match="The length of an average is a part of the run, from 1e-06 up to 0.28"):
        average_of(snapshots, length)


def test_a_run_without_snapshots_says_how_to_have_them(tmp_path):
    with pytest.raises(ValueError, match="has no snapshots: a run writes them if it has average_lengths"):
        average_of(tmp_path, 0.1)
