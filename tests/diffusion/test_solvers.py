import itertools
import math
from functools import cache
from typing import get_args

import numpy as np
import pytest

from ddim.diffusion.sampling import SampleConfig, SolverName, reverse_diffusion
from ddim.diffusion.schedule import CosineSchedule, Rates
from ddim.diffusion.solvers import AdamsBashforth, Prediction

SOLVERS = get_args(SolverName)
PLACEMENTS = ("reference", "inclusive")


def levels_of(config):
    return [Rates(*map(float, config.schedule()(time))) for time in config.diffusion_times()]


# Pictures drawn from a unit Gaussian, for which E[image | noisy image] = signal rate * noisy image.


def denoise_unit_gaussian(noisy_images, rates):
    return Prediction(noises=rates.noise * noisy_images, images=rates.signal * noisy_images)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 10, 100])
def test_ddim_on_unit_gaussian_pictures_has_its_closed_form(num_steps):
    initial_noise = np.random.default_rng(0).normal(size=(4, 2, 2, 3))
    *_, last = reverse_diffusion(denoise_unit_gaussian, initial_noise, SampleConfig(num_steps))
    step_angle = (math.acos(0.02) - math.acos(0.95)) / num_steps
    last_signal_rate = math.cos(math.acos(0.95) + step_angle)  # at diffusion time 1/N
    expected = math.cos(step_angle) ** (num_steps - 1) * last_signal_rate * initial_noise
    np.testing.assert_allclose(last.pred_images, expected, rtol=0, atol=1e-12)


def variances_of_noisy_images(config, denoise):
    """The exact variance (N,) at each node, for a denoiser without constant part.

    A noisy image is then a sum of independent noises: one number of the batch stands for the coefficient of each.
    """
    independent_noises = iter(np.eye(config.num_steps).reshape(config.num_steps, -1, 1, 1, 1))
    steps = reverse_diffusion(denoise, next(independent_noises), config, independent_noises)
    return [np.sum(step.noisy_images**2) for step in steps]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("eta, variance", [(1.0, "posterior"), (0.4, "posterior"), (1.0, "large"), (0.4, "large")])
def test_variance_of_stochastic_sampling_follows_its_recursion(eta, variance, placement):
    config = SampleConfig(12, eta=eta, variance=variance, node_placement=placement)
    expected = [1.0]
    for now, after in itertools.pairwise(levels_of(config)):
        # DDIM (2010.02502), Eq. 16 and, below it, sigma-hat; alpha is the squared signal rate.
        alpha, alpha_after = now.signal**2, after.signal**2
        sigma = eta * math.sqrt((1 - alpha_after) / (1 - alpha)) * math.sqrt(1 - alpha / alpha_after)
        sigma_hat = eta * math.sqrt(1 - alpha / alpha_after)
        # Eq. 12, with predicted image sqrt(alpha) x and predicted noise sqrt(1 - alpha) x.
        kept = math.sqrt(alpha_after * alpha) + math.sqrt((1 - alpha_after - sigma**2) * (1 - alpha))
        fresh = sigma_hat if variance == "large" else sigma
        expected.append(kept**2 * expected[-1] + fresh**2)
    np.testing.assert_allclose(variances_of_noisy_images(config, denoise_unit_gaussian), expected, rtol=1e-12)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_ddpm_with_large_variance_keeps_the_variance_of_unit_gaussian_pictures(placement):
    config = SampleConfig(12, eta=1.0, variance="large", node_placement=placement)
    variances = variances_of_noisy_images(config, denoise_unit_gaussian)
    np.testing.assert_allclose(variances, 1, rtol=0, atol=1e-13)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_ddpm_with_posterior_variance_loses_variance_of_unit_gaussian_pictures_as_computed(placement):
    config = SampleConfig(12, eta=1.0, variance="posterior", node_placement=placement)
    expected = [1.0]
    for now, after in itertools.pairwise(levels_of(config)):
        share = (now.signal / after.signal) ** 2
        expected.append(share * expected[-1] + (1 - share) * (after.noise / now.noise) ** 2)
    variances = variances_of_noisy_images(config, denoise_unit_gaussian)
    np.testing.assert_allclose(variances, expected, rtol=1e-12)
    assert np.all(np.diff(variances) < 0)


# An oracle that knows the picture.

PICTURE = np.array([0.7, -1.3, 2.0])


def denoise_by_oracle(noisy_images, rates):
    images = np.broadcast_to(PICTURE, noisy_images.shape)
    return Prediction(noises=(noisy_images - rates.signal * images) / rates.noise, images=images)


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("num_steps", [1, 2, 3, 4, 7, 50])
@pytest.mark.parametrize("solver", SOLVERS)
def test_with_an_oracle_every_solver_goes_straight_from_noise_to_picture(solver, num_steps, placement):
    config = SampleConfig(num_steps, solver, node_placement=placement)
    noise = np.random.default_rng(0).normal(size=(4, 2, 2, 3))
    levels = levels_of(config)
    initial_noise = levels[0].signal * PICTURE + levels[0].noise * noise
    steps = list(reverse_diffusion(denoise_by_oracle, initial_noise, config))
    assert len(steps) == num_steps
    for step, rates in zip(steps, levels, strict=True):
        expected = rates.signal * PICTURE + rates.noise * noise
        np.testing.assert_allclose(step.noisy_images, expected, rtol=0, atol=1e-11)
        np.testing.assert_array_equal(step.pred_images, denoise_by_oracle(expected, rates).images)


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("num_steps", [1, 2, 9])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_with_an_oracle_the_noise_around_the_picture_has_variance_one_at_any_eta(eta, num_steps, placement):
    # This is what lets one network serve every eta: DDIM (2010.02502), Lemma 1.
    config = SampleConfig(num_steps, eta=eta, node_placement=placement)
    independent_noises = iter(np.eye(num_steps).reshape(num_steps, -1, 1, 1, 1))
    levels = levels_of(config)
    initial_noise = levels[0].signal * PICTURE + levels[0].noise * next(independent_noises)
    for step in reverse_diffusion(denoise_by_oracle, initial_noise, config, independent_noises):
        rates = levels[step.index]
        coefficients = (step.noisy_images - rates.signal * PICTURE) / rates.noise
        np.testing.assert_allclose(np.sum(coefficients**2, axis=0), 1, rtol=1e-12)


# Pictures drawn from a mixture of four Gaussians, whose denoiser is known exactly and is far from linear.

MEANS = np.array([[1.2, -0.8, 0.3], [-0.5, 1.1, -1.0], [-0.9, -0.6, 1.3], [0.4, 0.7, 0.6]]).reshape(4, 1, 1, 1, 3)
SHARES = np.array([0.4, 0.3, 0.2, 0.1]).reshape(4, 1, 1, 1, 1)
VARIANCE = 0.1
MIXTURE_NOISE = np.random.default_rng(0).normal(size=(6, 1, 1, 3))


def denoise_mixture(noisy_images, rates):
    noisy_variance = rates.signal**2 * VARIANCE + rates.noise**2
    deviations = noisy_images - rates.signal * MEANS
    densities = SHARES * np.exp(-np.sum(deviations**2, axis=-1, keepdims=True) / (2 * noisy_variance))
    images_of_each = MEANS + rates.signal * VARIANCE / noisy_variance * deviations
    images = np.sum(densities * images_of_each, axis=0) / np.sum(densities, axis=0)
    return Prediction(noises=(noisy_images - rates.signal * images) / rates.noise, images=images)


@cache
def mixture_limit():
    """The differential equation d noisy = (cos angle * noise - sin angle * image) d angle, by Runge and Kutta."""

    def slope(angle, noisy_images):
        noises, images = denoise_mixture(noisy_images, Rates(noise=math.sin(angle), signal=math.cos(angle)))
        return math.cos(angle) * noises - math.sin(angle) * images

    noisy_images, angle, end = MIXTURE_NOISE, math.acos(0.02), math.acos(0.95)
    step = (end - angle) / 1000
    for _ in range(1000):
        first = slope(angle, noisy_images)
        second = slope(angle + step / 2, noisy_images + step / 2 * first)
        third = slope(angle + step / 2, noisy_images + step / 2 * second)
        fourth = slope(angle + step, noisy_images + step * third)
        noisy_images = noisy_images + step / 6 * (first + 2 * second + 2 * third + fourth)
        angle += step
    return denoise_mixture(noisy_images, CosineSchedule()(0)).images


@cache
def mixture_error(solver, num_steps, placement):
    config = SampleConfig(num_steps, solver, node_placement=placement)
    *_, last = reverse_diffusion(denoise_mixture, MIXTURE_NOISE, config)
    return math.sqrt(np.mean((last.pred_images - mixture_limit()) ** 2))


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_converges_to_the_solution_of_the_differential_equation(solver, placement):
    bound = {"reference": 2e-3, "inclusive": 1e-3 if solver == "ddim" else 1e-5}[placement]
    assert mixture_error(solver, 641, placement) < bound
    errors = [mixture_error(solver, num_steps, placement) for num_steps in (11, 41, 161, 641)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(
    "solver, order",
    [("ddim", 1), ("heun", 2), ("ab2", 2), ("dpmpp2m", 2), ("unipc", 3)],  # UniPC-2's corrector adds one
)
def test_halving_the_step_on_inclusive_nodes_shows_the_order_of_the_solver(solver, order):
    ratio = mixture_error(solver, 321, "inclusive") / mixture_error(solver, 641, "inclusive")
    assert math.log2(ratio) == pytest.approx(order, abs=0.1)


def test_higher_orders_of_adams_and_bashforth_err_less():
    # Their first steps are of lower order, which bounds the order of the whole.
    errors = {solver: mixture_error(solver, 81, "inclusive") for solver in ("ddim", "ab2", "ab3", "ab4")}
    assert errors["ddim"] > 5 * errors["ab2"] and errors["ab2"] > 3 * errors["ab3"] and errors["ab3"] > errors["ab4"]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_weights_of_adams_and_bashforth_integrate_polynomials_exactly(order):
    weights = AdamsBashforth.WEIGHTS[order - 1]
    for degree in range(order):
        # Known at 0, -1, -2 ...; wanted is the mean over the step from 0 to 1.
        extrapolated = sum(weight * (-node) ** degree for node, weight in enumerate(weights))
        assert extrapolated == pytest.approx(1 / (degree + 1), abs=1e-14)


@pytest.mark.parametrize("solver", SOLVERS)
def test_on_reference_nodes_every_solver_is_of_order_one(solver):
    # The result is predicted at diffusion time 1/N, one step before the limit.
    ratio = mixture_error(solver, 160, "reference") / mixture_error(solver, 320, "reference")
    assert math.log2(ratio) == pytest.approx(1, abs=0.1)


# What sampling costs and what it draws.


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("num_steps", [1, 2, 3, 20])
@pytest.mark.parametrize("solver", SOLVERS)
def test_each_step_tells_how_often_the_network_was_called(solver, num_steps, placement):
    calls = []

    def counting_denoise(noisy_images, rates):
        calls.append(rates)
        return denoise_unit_gaussian(noisy_images, rates)

    config = SampleConfig(num_steps, solver, node_placement=placement)
    steps = []
    for step in reverse_diffusion(counting_denoise, MIXTURE_NOISE, config):
        assert step.nfe == len(calls)
        steps.append(step)
    assert [step.index for step in steps] == list(range(num_steps))
    assert [step.diffusion_time for step in steps] == config.diffusion_times().tolist()
    assert len(calls) == (2 * num_steps - 1 if solver == "heun" else num_steps)


@pytest.mark.parametrize("solver", SOLVERS)
def test_guidance_looks_twice_each_time(solver):
    config = SampleConfig(4, solver, guidance=1.5)
    *_, last = reverse_diffusion(denoise_unit_gaussian, MIXTURE_NOISE, config)
    assert last.nfe == config.nfe == 2 * SampleConfig(4, solver).nfe


@pytest.mark.parametrize("solver", SOLVERS)
def test_without_eta_no_fresh_noise_is_drawn(solver):
    def forbidden():
        pytest.fail("Fresh noise was drawn.")
        yield

    steps = reverse_diffusion(denoise_unit_gaussian, MIXTURE_NOISE, SampleConfig(5, solver), forbidden())
    assert len(list(steps)) == 5


@pytest.mark.parametrize("num_steps", [1, 2, 6])
def test_with_eta_each_step_but_the_last_draws_once(num_steps):
    draws = []

    def counted():
        while True:
            draws.append(True)
            yield np.zeros_like(MIXTURE_NOISE)

    list(reverse_diffusion(denoise_unit_gaussian, MIXTURE_NOISE, SampleConfig(num_steps, eta=0.5), counted()))
    assert len(draws) == num_steps - 1


def test_eta_without_fresh_noises_is_refused():
    with pytest.raises(ValueError, match="eta is 0.5, so every step adds fresh noise"):
        next(reverse_diffusion(denoise_unit_gaussian, MIXTURE_NOISE, SampleConfig(5, eta=0.5)))


@pytest.mark.parametrize("solver, eta", [("ddim", 1.0), *((solver, 0.0) for solver in SOLVERS)])
def test_pictures_keep_the_precision_of_the_noise(solver, eta):
    config = SampleConfig(5, solver, eta=eta)
    noise = MIXTURE_NOISE.astype(np.float32)
    for step in reverse_diffusion(denoise_by_oracle_in_float32, noise, config, itertools.repeat(noise)):
        assert step.noisy_images.dtype == step.pred_images.dtype == np.float32


def denoise_by_oracle_in_float32(noisy_images, rates):
    return Prediction(*(array.astype(np.float32) for array in denoise_by_oracle(noisy_images, rates)))
