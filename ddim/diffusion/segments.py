"""Segments of the way from noise to picture, each of which a distilled network crosses in one step.

Multistep Consistency Models (2403.06807): diffusion time is cut into equal segments, and wherever in a segment a noisy
picture is, the network is to see the picture that leads straight to where the segment ends. Here all is told by angles
(schedule.py), whose sine is the noise rate and whose cosine the signal rate: there a DDIM step is a turn.
"""

from typing import NamedTuple

import numpy as np

from ddim.diffusion.schedule import Rates, Schedule


class Turns(NamedTuple):
    """Angles (B, 1, 1, 1) float64: where pictures are now, the turn to a little later, and on from there to the end of
    the segment.
    """

    now: np.ndarray
    to_later: np.ndarray
    later_to_end: np.ndarray

    @property
    def to_end(self) -> np.ndarray:
        """The turn from now to the end of the segment."""
        turn: np.ndarray = self.to_later + self.later_to_end
        return turn


def turns_at(quantiles: np.ndarray, segments: int, steps_in_each: int, schedule: Schedule) -> Turns:
    """The turns of pictures on a grid of so many even steps a segment, at the beginnings of those that the quantiles
    (B,) in [0, 1) fall into, from the picture on (2403.06807, Algorithm 1).
    """
    num_steps = segments * steps_in_each
    steps = np.floor(quantiles * num_steps)
    ends = steps // steps_in_each * steps_in_each
    now, later, end = (_angles(numbers / num_steps, schedule) for numbers in (steps + 1, steps, ends))
    return Turns(now, now - later, later - end)


def rates_at_angles(angles: np.ndarray) -> Rates:
    """The rates there, of the same shape."""
    return Rates(noise=np.sin(angles), signal=np.cos(angles))


def turned(noisy_images: np.ndarray, velocities: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Noisy pictures after a DDIM step by these angles, given the velocities seen in them (Progressive Distillation,
    2202.00512, appendix D): the same as mixing the picture and the noise that are seen.
    """
    result: np.ndarray = np.cos(turns) * noisy_images - np.sin(turns) * velocities
    return result


def velocities_between(noisy_images: np.ndarray, after: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """The velocities that would have led there: the inverse of `turned`, and invDDIM of 2403.06807 in other terms."""
    velocities: np.ndarray = (np.cos(turns) * noisy_images - after) / np.sin(turns)
    return velocities


def _angles(diffusion_times: np.ndarray, schedule: Schedule) -> np.ndarray:
    rates = schedule(diffusion_times)
    angles: np.ndarray = np.arctan2(rates.noise, rates.signal)[:, None, None, None]
    return angles
