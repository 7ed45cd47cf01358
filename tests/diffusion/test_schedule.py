import numpy as np
import pytest

from ddim.diffusion.schedule import SCHEDULES, CosineSchedule

DIFFUSION_TIMES = np.linspace(0, 1, 101)

every_schedule = pytest.mark.parametrize("name", SCHEDULES)


@every_schedule
def test_the_squared_rates_sum_to_one(name):
    rates = SCHEDULES[name]()(DIFFUSION_TIMES)
    np.testing.assert_allclose(rates.noise**2 + rates.signal**2, 1, rtol=0, atol=1e-15)


@every_schedule
@pytest.mark.parametrize("min_signal_rate, max_signal_rate", [(0.02, 0.95), (0.1, 0.5)])
def test_time_runs_from_the_largest_signal_rate_to_the_smallest(name, min_signal_rate, max_signal_rate):
    rates = SCHEDULES[name](min_signal_rate, max_signal_rate)(DIFFUSION_TIMES)
    assert rates.signal[0] == pytest.approx(max_signal_rate, abs=1e-14)
    assert rates.signal[-1] == pytest.approx(min_signal_rate, abs=1e-14)
    assert np.all(np.diff(rates.signal) < 0)
    assert np.all(np.diff(rates.noise) > 0)


@every_schedule
@pytest.mark.parametrize("times", [0.3, np.float32(0.3), np.full((2, 1, 1), 0.3, np.float32)])
def test_rates_are_float64_in_the_shape_of_the_times(name, times):
    for rate in SCHEDULES[name]()(times):
        assert rate.shape == np.shape(times)
        assert rate.dtype == np.float64


# What each schedule shares out evenly, as a function of its rates.
EVEN_QUANTITIES = {
    "cosine": lambda rates: np.arctan2(rates.noise, rates.signal),
    "linear_variance": lambda rates: rates.noise**2,
    "linear_log_snr": lambda rates: 2 * np.log(rates.signal / rates.noise),
}


@every_schedule
def test_each_schedule_is_even_in_the_quantity_that_it_is_named_after(name):
    quantities = EVEN_QUANTITIES[name](SCHEDULES[name]()(DIFFUSION_TIMES))
    np.testing.assert_allclose(np.diff(quantities), (quantities[-1] - quantities[0]) / 100, rtol=1e-9)


def test_the_default_rates_are_those_of_the_tutorial():
    assert CosineSchedule() == CosineSchedule(min_signal_rate=0.02, max_signal_rate=0.95)
    middle = (np.arccos(0.95) + np.arccos(0.02)) / 2
    assert CosineSchedule()(0.5) == pytest.approx((np.sin(middle), np.cos(middle)), abs=1e-15)


@every_schedule
@pytest.mark.parametrize("rates", [(0, 0.95), (-0.1, 0.95), (0.5, 0.5), (0.9, 0.2), (0.02, 1.01), (float("nan"), 0.95)])
def test_signal_rates_out_of_order_are_refused(name, rates):
    with pytest.raises(ValueError, match="0 < min_signal_rate < max_signal_rate <= 1, but they are"):
        SCHEDULES[name](*rates)


@pytest.mark.parametrize("name", ["cosine", "linear_variance"])
def test_a_picture_without_noise_is_within_reach(name):
    rates = SCHEDULES[name](0.02, 1.0)(0.0)
    assert (rates.noise, rates.signal) == (0, 1)


def test_an_infinite_ratio_of_signal_to_noise_is_refused():
    with pytest.raises(ValueError, match="max_signal_rate must be below 1"):
        SCHEDULES["linear_log_snr"](0.02, 1.0)
