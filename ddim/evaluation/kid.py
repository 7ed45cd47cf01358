"""Kernel Inception Distance between real and generated pictures (Binkowski et al. 2018, 1801.01401).

An Inception network turns pictures into features (encoder.py); KID is the squared maximum mean discrepancy (MMD) of the
two sets of features. Its value depends on the encoder, its block and the protocol, so each has a name to print with it.
"""

from typing import NamedTuple

import numpy as np

from ddim.errors import UserError

BATCH_SIZE = 64
NUM_SUBSETS = 50
MAX_SUBSET_SIZE = 1000


class KID(NamedTuple):
    """Mean and standard deviation of KID over batches or subsets, and in words, which these were.

    The deviation is that of one batch or subset, not a standard error of the mean.
    """

    mean: float
    std: float
    protocol: str


def kid(real_features: np.ndarray, generated_features: np.ndarray) -> float:
    """The unbiased estimate of squared MMD between features (N, D) and (M, D) with kernel (x.y / D + 1)^3, in float64.

    Being unbiased, it may come out below 0 for sets that are alike (1801.01401, Eq. 4). Raises UserError for fewer than
    two pictures on a side, or features of different encoders.
    """
    if min(len(real_features), len(generated_features)) < 2:
        raise UserError("KID needs at least two real and two generated pictures.")
    if real_features.shape[1] != generated_features.shape[1]:
        raise UserError(
            f"KID compares features of one encoder, but these have {real_features.shape[1]} and "
            f"{generated_features.shape[1]} numbers a picture."
        )
    real, generated = real_features.astype(np.float64), generated_features.astype(np.float64)
    return float(mean_of_pairs(real) + mean_of_pairs(generated) - 2 * kernel(real, generated).mean())


def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The cubic kernel between all rows of (N, D) and (M, D) -> (N, M)."""
    base = left @ right.T / left.shape[1] + 1
    return base * base * base  # several times faster than NumPy's power


def mean_of_pairs(features: np.ndarray) -> np.floating:
    """The mean kernel over pairs of different rows: a row paired with itself would bias it."""
    kernels, count = kernel(features, features), len(features)
    return (kernels.sum() - np.trace(kernels)) / (count * (count - 1))


def kid_of_batches(real_features: np.ndarray, generated_features: np.ndarray, seed: int = 0) -> KID:
    """The Keras tutorial's protocol: KID of each batch of 64 real and 64 generated pictures.

    Both sides are shuffled first, by `seed`: comparing batches sorted by category with batches of all categories would
    be far off. Pictures that do not fill a batch are left out; fewer than 64 make one smaller batch.
    """
    generator = np.random.default_rng(seed)
    real, generated = generator.permutation(real_features), generator.permutation(generated_features)
    size = min(BATCH_SIZE, len(real), len(generated))
    count = max(1, min(len(real), len(generated)) // BATCH_SIZE)
    batches = [slice(index * size, (index + 1) * size) for index in range(count)]
    values = [kid(real[batch], generated[batch]) for batch in batches]
    return KID(float(np.mean(values)), float(np.std(values)), f"batches of {size}, mean of {count}")


def kid_of_subsets(real_features: np.ndarray, generated_features: np.ndarray, seed: int = 0) -> KID:
    """The protocol of the KID paper: KID of 50 random subsets of 1000, or of as many as both sides have.

    Each subset is drawn afresh and without replacement, by `seed`. Subsets that are nearly the whole hardly differ, so
    their deviation is then too small to say anything.
    """
    size = min(MAX_SUBSET_SIZE, len(real_features), len(generated_features))
    generator = np.random.default_rng(seed)

    def subset(features: np.ndarray) -> np.ndarray:
        return features[generator.choice(len(features), size, replace=False)]

    values = [kid(subset(real_features), subset(generated_features)) for _ in range(NUM_SUBSETS)]
    return KID(float(np.mean(values)), float(np.std(values)), f"subsets of {size}, mean of {NUM_SUBSETS}")
