import numpy as np
import pytest

from ddim.diffusion.sampling import SampleConfig, reverse_diffusion
from ddim.diffusion.schedule import CosineSchedule, Rates
from ddim.diffusion.segments import rates_at_angles, turned, turns_at, velocities_between
from ddim.diffusion.solvers import Prediction

SCHEDULE = CosineSchedule(0.02, 0.999)
IMAGE = np.full((5, 2, 2, 3), 0.3)
NOISES = np.random.default_rng(0).standard_normal(IMAGE.shape)


def times_of(angles):
    """Diffusion times (B,) at which the schedule is at these angles."""
    start, end = np.arccos(0.999), np.arccos(0.02)
    return (np.ravel(angles) - start) / (end - start)


def test_segments_begin_and_end_at_the_nodes_of_the_sampling():
    quantiles = np.array([0, 0.249, 0.25, 0.6, 0.99])
    turns = turns_at(quantiles, 4, 8, SCHEDULE)
    np.testing.assert_allclose(times_of(turns.now), np.array([1, 8, 9, 20, 32]) / 32, atol=1e-12)
    np.testing.assert_allclose(times_of(turns.now - turns.to_later), np.array([0, 7, 8, 19, 31]) / 32, atol=1e-12)
    np.testing.assert_allclose(times_of(turns.now - turns.to_end), np.array([0, 0, 0.25, 0.5, 0.75]), atol=1e-12)

    beginnings = turns_at(np.array([0.875, 0.625, 0.375, 0.125]), 4, 1, SCHEDULE)
    nodes = SampleConfig(num_steps=4).diffusion_times()
    np.testing.assert_allclose(times_of(beginnings.now), nodes, atol=1e-12)
    np.testing.assert_allclose(times_of(beginnings.now - beginnings.to_end)[:-1], nodes[1:], atol=1e-12)


def test_turns_make_the_steps_of_ddim():
    """By mixing picture and noise as DDIM (2010.02502), Eq. 12, does."""
    config = SampleConfig(num_steps=2, max_signal_rate=0.999)
    images, noises = np.random.default_rng(1).standard_normal((2, *IMAGE.shape))
    first, second = reverse_diffusion(lambda noisy, rates: Prediction(noises, images), NOISES, config)
    angle, later = (np.arctan2(step.rates.noise, step.rates.signal) for step in (first, second))
    velocities = np.cos(angle) * noises - np.sin(angle) * images
    noisy_images = np.cos(angle) * images + np.sin(angle) * noises
    np.testing.assert_allclose(turned(noisy_images, velocities, angle - later), second.noisy_images, atol=1e-12)


@pytest.mark.parametrize("steps_in_each", [1, 4, 32])
def test_where_the_picture_never_changes_every_segment_is_a_straight_line(steps_in_each):
    """The trajectory of a picture that is seen alike everywhere is known: its noise stays what it is."""
    turns = turns_at(np.array([0.01, 0.3, 0.5, 0.8, 0.999]), 4, steps_in_each, SCHEDULE)

    def on_the_way(angles):
        rates = rates_at_angles(angles)
        return rates.signal * IMAGE + rates.noise * NOISES, rates.signal * NOISES - rates.noise * IMAGE

    now, velocities = on_the_way(turns.now)
    later, later_velocities = on_the_way(turns.now - turns.to_later)
    end, _ = on_the_way(turns.now - turns.to_end)
    np.testing.assert_allclose(turned(now, velocities, turns.to_later), later, atol=1e-12)
    np.testing.assert_allclose(turned(later, later_velocities, turns.later_to_end), end, atol=1e-12)
    np.testing.assert_allclose(velocities_between(now, end, turns.to_end), velocities, atol=1e-9)


def test_rates_at_angles_are_those_of_the_schedule():
    turns = turns_at(np.array([0.4]), 1, 10, SCHEDULE)
    rates, expected = rates_at_angles(turns.now), SCHEDULE(0.5)
    np.testing.assert_allclose(np.ravel(rates), np.ravel(Rates(expected.noise, expected.signal)))
