"""The seven solvers: how noisy pictures move from one noise level to the next, given what the network predicts.

All follow the same differential equation (except DDIM with eta above 0, which adds fresh noise) and differ in how much
use they make of the predictions they have seen. In comments: a signal rate, s noise rate, x noisy picture, x0 predicted
picture, e predicted noise, lambda = log(a / s), h a step of lambda; i is the current node, j the next.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ddim.diffusion.schedule import Rates


class Prediction(NamedTuple):
    """What the network sees in noisy pictures: two arrays (B, H, W, C), with noisy = signal * image + noise * noise."""

    noises: np.ndarray
    images: np.ndarray


Denoise = Callable[[np.ndarray, Rates], Prediction]
"""Noisy pictures (B, H, W, C) and the rates they all have -> Prediction. Solvers know nothing else about it."""


class Solver(ABC):
    """The state of one run of one method. `advance` is called once for each node but the last, in order."""

    @abstractmethod
    def advance(self, noisy_images: np.ndarray, prediction: Prediction, now: Rates, after: Rates) -> np.ndarray:
        """The noisy pictures at the rates `after`, from those at the rates `now` and the prediction for them."""


class DDIM(Solver):
    """DDIM (2010.02502), Eq. 12 and 16: mix the predicted picture with predicted and, for eta above 0, fresh noise."""

    def __init__(self, eta: float, variance: str, fresh_noises: Iterator[np.ndarray]):
        self.eta = eta
        self.variance = variance
        self.fresh_noises = fresh_noises

    def advance(self, noisy_images: np.ndarray, prediction: Prediction, now: Rates, after: Rates) -> np.ndarray:
        """Mix the prediction at the rates `after`; with eta above 0, fresh noise replaces some of the predicted one."""
        if self.eta == 0:
            return _mix(prediction.images, prediction.noises, after)
        large = self.eta * math.sqrt(1 - (now.signal / after.signal) ** 2)
        posterior = large * after.noise / now.noise  # Eq. 16
        kept = Rates(noise=math.sqrt(after.noise**2 - posterior**2), signal=after.signal)
        fresh_rate = large if self.variance == "large" else posterior
        return _mix(prediction.images, prediction.noises, kept) + fresh_rate * next(self.fresh_noises)


class Heun(Solver):
    """Heun's second-order method as in EDM (2206.00364), Algorithm 1: look ahead, go back, go with the mean noise."""

    def __init__(self, denoise: Denoise):
        self.denoise = denoise

    def advance(self, noisy_images: np.ndarray, prediction: Prediction, now: Rates, after: Rates) -> np.ndarray:
        """Step with the mean of the noises predicted at both ends, which takes another evaluation."""
        ahead = self.denoise(_mix(prediction.images, prediction.noises, after), after)
        return _follow(noisy_images, (prediction.noises + ahead.noises) / 2, now, after)


class AdamsBashforth(Solver):
    """Linear multistep on predicted noises as in PNDM (2202.09778), Eq. 12, warmed up by the lower orders."""

    WEIGHTS = (  # the newest prediction first
        (1,),
        (3 / 2, -1 / 2),
        (23 / 12, -16 / 12, 5 / 12),
        (55 / 24, -59 / 24, 37 / 24, -9 / 24),
    )

    def __init__(self, order: int):
        self.order = order
        self.past_noises: list[np.ndarray] = []

    def advance(self, noisy_images: np.ndarray, prediction: Prediction, now: Rates, after: Rates) -> np.ndarray:
        """Step with a weighted sum of the latest noises, up to `order` of them."""
        self.past_noises = [prediction.noises, *self.past_noises][: self.order]
        weights = self.WEIGHTS[len(self.past_noises) - 1]
        weighted = [weight * past for weight, past in zip(weights, self.past_noises, strict=True)]
        return _follow(noisy_images, sum(weighted[1:], start=weighted[0]), now, after)


class DPMSolverPP2M(Solver):
    """DPM-Solver++(2M) (2211.01095), Algorithm 2: linear multistep on predicted pictures, in steps of lambda."""

    def __init__(self) -> None:
        self.past: tuple[np.ndarray, Rates] | None = None

    def advance(self, noisy_images: np.ndarray, prediction: Prediction, now: Rates, after: Rates) -> np.ndarray:
        """Step with pictures extrapolated from the last two predictions, at first with the only one."""
        images = prediction.images
        if self.past is not None:
            past_images, past_rates = self.past
            images = images + (images - past_images) * _step(now, after) / (2 * _step(past_rates, now))
        self.past = (prediction.images, now)
        return _approach(noisy_images, images, now, after)


class UniPC(Solver):
    """UniPC-2 with B(h) = e^h - 1 (2302.04867), Algorithms 5 and 6, on predicted pictures.

    The prediction at a node first corrects the step that led there, at no extra evaluation; then comes the next step.
    """

    def __init__(self) -> None:
        self.past: list[tuple[np.ndarray, Rates]] = []  # predicted pictures and their rates, the newest first
        self.past_noisy_images: np.ndarray  # those at the newest node

    def advance(self, noisy_images: np.ndarray, prediction: Prediction, now: Rates, after: Rates) -> np.ndarray:
        """Correct the pictures at `now`, then step with pictures extrapolated from the last two predictions."""
        if self.past:
            noisy_images = self._correct(prediction.images, now)
        self.past = [(prediction.images, now), *self.past][:2]
        self.past_noisy_images = noisy_images
        images = prediction.images
        if len(self.past) == 2:
            images = images + self._change(_step(now, after)) / 2
        return _approach(noisy_images, images, now, after)

    def _correct(self, images: np.ndarray, now: Rates) -> np.ndarray:
        """The noisy pictures at `now`, reached again from the node before, with the pictures seen since."""
        past_images, past_rates = self.past[0]
        if len(self.past) == 1:
            return _approach(self.past_noisy_images, (past_images + images) / 2, past_rates, now)
        # The two weights solve the order conditions past + new = first and r * past + new = second.
        step = _step(past_rates, now)
        r = _step(past_rates, self.past[1][1]) / step
        phi = math.expm1(-step)
        first = (phi / -step - 1) / phi
        second = 2 * ((phi / -step - 1) / -step - 1 / 2) / phi
        past_weight = (first - second) / (1 - r)
        new_weight = first - past_weight
        images = past_images + past_weight * self._change(step) + new_weight * (images - past_images)
        return _approach(self.past_noisy_images, images, past_rates, now)

    def _change(self, step: float) -> np.ndarray:
        """How much the predicted pictures change in a step of lambda, judged from the last two nodes."""
        (newest_images, newest_rates), (older_images, older_rates) = self.past
        change: np.ndarray = (newest_images - older_images) * step / _step(older_rates, newest_rates)
        return change


def _mix(images: np.ndarray, noises: np.ndarray, rates: Rates) -> np.ndarray:
    """x = a x0 + s e."""
    return rates.signal * images + rates.noise * noises


def _follow(noisy_images: np.ndarray, noises: np.ndarray, now: Rates, after: Rates) -> np.ndarray:
    """The step that is exact if the noises e stay as they are: DDIM's Eq. 12 with x0 = (x_i - s_i e) / a_i."""
    return _mix((noisy_images - now.noise * noises) / now.signal, noises, after)


def _approach(noisy_images: np.ndarray, images: np.ndarray, now: Rates, after: Rates) -> np.ndarray:
    """The step that is exact if the pictures x0 stay as they are: x_j = (s_j / s_i) x_i - a_j (e^-h - 1) x0."""
    ratio = after.noise / now.noise
    return ratio * noisy_images - after.signal * math.expm1(-_step(now, after)) * images


def _step(now: Rates, after: Rates) -> float:
    """h = lambda_j - lambda_i; 2 lambda is the logarithm of the signal-to-noise ratio."""
    return math.log(after.signal / after.noise) - math.log(now.signal / now.noise)
