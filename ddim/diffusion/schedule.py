"""How much signal and how much noise a picture holds at each diffusion time.

Convention, everywhere in this package: diffusion time 0 is the picture, 1 is noise; a noisy picture is
`signal_rate * image + noise_rate * noise`, and `signal_rate**2 + noise_rate**2 == 1`, so that pictures of
variance 1 keep variance 1 on the way ("variance preserving").

The literature's names: signal rate is the square root of alpha-bar in DDPM (2006.11239) and of alpha in
DDIM (2010.02502); noise rate divided by signal rate is the sigma of EDM (2206.00364).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ddim.errors import UserError
from ddim.notation import briefly

MIN_SIGNAL_RATE = 0.02
MAX_SIGNAL_RATE = 0.95


class Rates(NamedTuple):
    """Noise and signal rate of a noise level: two floats, or two arrays of one shape."""

    noise: np.ndarray | float
    signal: np.ndarray | float


@dataclass(frozen=True)
class Schedule(ABC):
    """A path from picture to noise: `schedule(diffusion_times)` gives the Rates there.

    All schedules run from `max_signal_rate` at time 0 to `min_signal_rate` at time 1 and differ in between.
    """

    min_signal_rate: float = MIN_SIGNAL_RATE
    max_signal_rate: float = MAX_SIGNAL_RATE

    def __post_init__(self) -> None:
        if not 0 < self.min_signal_rate < self.max_signal_rate <= 1:
            raise UserError(
                "Signal rates must satisfy 0 < min_signal_rate < max_signal_rate <= 1, but they are "
                f"{briefly(self.min_signal_rate)} and {briefly(self.max_signal_rate)}."
            )

    @abstractmethod
    def __call__(self, diffusion_times: np.ndarray | float) -> Rates:
        """Rates at diffusion times in [0, 1], of the same shape, in float64."""


class CosineSchedule(Schedule):
    """The angle between picture and noise grows evenly: the schedule of the Keras DDIM tutorial.

    A continuous form of the cosine schedule of Improved DDPM (2102.09672), Eq. 17.
    """

    def __call__(self, diffusion_times: np.ndarray | float) -> Rates:
        start, end = np.arccos(self.max_signal_rate), np.arccos(self.min_signal_rate)
        angles = start + np.asarray(diffusion_times, np.float64) * (end - start)
        return Rates(noise=np.sin(angles), signal=np.cos(angles))


class LinearVarianceSchedule(Schedule):
    """The variance of the noise grows evenly."""

    def __call__(self, diffusion_times: np.ndarray | float) -> Rates:
        start, end = 1 - self.max_signal_rate**2, 1 - self.min_signal_rate**2
        variances = start + np.asarray(diffusion_times, np.float64) * (end - start)
        return Rates(noise=np.sqrt(variances), signal=np.sqrt(1 - variances))


class LinearLogSNRSchedule(Schedule):
    """The logarithm of the signal-to-noise ratio falls evenly, as in Variational Diffusion Models (2107.00630)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_signal_rate == 1:
            raise UserError("With schedule 'linear_log_snr', max_signal_rate must be below 1, or ratios are infinite.")

    def __call__(self, diffusion_times: np.ndarray | float) -> Rates:
        start, end = log_snr(self.max_signal_rate), log_snr(self.min_signal_rate)
        return rates_at(start + np.asarray(diffusion_times, np.float64) * (end - start))


def rates_at(log_snrs: np.ndarray) -> Rates:
    """Rates where the logarithm of the signal-to-noise ratio, of variances, is this; of the same shape."""
    return Rates(noise=1 / np.sqrt(1 + np.exp(log_snrs)), signal=1 / np.sqrt(1 + np.exp(-log_snrs)))


def log_snr(signal_rate: float) -> float:
    """The logarithm of the signal-to-noise ratio, of variances, at a signal rate below 1."""
    return float(np.log(signal_rate**2 / (1 - signal_rate**2)))


ScheduleName = Literal["cosine", "linear_variance", "linear_log_snr"]
SCHEDULES: dict[ScheduleName, type[Schedule]] = {
    "cosine": CosineSchedule,
    "linear_variance": LinearVarianceSchedule,
    "linear_log_snr": LinearLogSNRSchedule,
}
