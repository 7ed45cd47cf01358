"""What the network hears of a noise level: waves over it, computed by NumPy for engines that have no Keras."""

import math

import numpy as np

from ddim.model.unet import UNetConfig


def waves_of(config: UNetConfig, noise_variances: np.ndarray) -> np.ndarray:
    """Noise variances (B,) -> (B, embedding_size) float32: what NoiseEmbedding has at every pixel, or, with
    conditioning "blocks", NoiseLevelEmbedding (layers.py).

    Always float32: at the highest frequencies the phase passes 6000 radians, where bfloat16 has no decimals.
    """
    numbers: np.ndarray = noise_variances.astype(np.float32)
    if config.conditioning == "blocks":
        variances = np.clip(numbers, np.float32(1e-7), np.float32(1 - 1e-7))
        numbers = (np.log(variances) - np.log1p(-variances)) / 8
    phases = angular_frequencies(config.embedding_size, config.embedding_max_frequency) * numbers[:, None]
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1)


def angular_frequencies(size: int, max_frequency: float) -> np.ndarray:
    """(size // 2,) float32: 2 pi f for frequencies f that grow geometrically from 1 to the highest.

    All engines have them from here: where the phase passes 6000 radians, the last bit of a frequency is heard.
    """
    frequencies = np.exp(np.linspace(0, math.log(max_frequency), size // 2, dtype=np.float32))
    return np.float32(2 * math.pi) * frequencies
