"""The frequencies of the waves by which networks hear noise levels."""

import math

import numpy as np


def angular_frequencies(size: int, max_frequency: float) -> np.ndarray:
    """(size // 2,) float32: 2 pi f for frequencies f that grow geometrically from 1 to the highest.

    All engines have them from here: where the phase passes 6000 radians, the last bit of a frequency is heard.
    """
    frequencies = np.exp(np.linspace(0, math.log(max_frequency), size // 2, dtype=np.float32))
    return np.float32(2 * math.pi) * frequencies
