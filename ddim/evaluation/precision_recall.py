"""Nearest neighbours in the features of an encoder: how alike two sets of pictures are, one picture at a time."""

from typing import NamedTuple

import numpy as np

NEIGHBOURS = 3


class PrecisionRecall(NamedTuple):
    """Fractions, from 0 to 1, of generated pictures that lie among real ones, and of real ones among generated ones."""

    precision: float
    recall: float


def precision_recall(real_features: np.ndarray, generated_features: np.ndarray, seed: int = 0) -> PrecisionRecall:
    """Improved precision and recall (1904.06991), Eq. 1 and 2, with k = 3, of features (N, D) and (M, D).

    A picture lies among others if it is nearer to one of them than that one's third neighbour of its own kind. If sets
    differ in size, as many of each are compared as the smaller has, since larger sets are denser; they are drawn by
    `seed`, because sets may be sorted by category.
    """
    size = min(len(real_features), len(generated_features))
    generator = np.random.default_rng(seed)
    real, generated = (
        features[generator.permutation(len(features))[:size]].astype(np.float64)
        for features in (real_features, generated_features)
    )
    distances = squared_distances(generated, real)
    return PrecisionRecall(
        precision=float(np.mean((distances <= _reach(real)).any(axis=1))),
        recall=float(np.mean((_reach(generated) >= distances.T).any(axis=1))),
    )


def nearest(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of (N, D), which row of (M, D) is nearest, (N,), and how far away, (N,)."""
    distances = squared_distances(features.astype(np.float64), others.astype(np.float64))
    indices = distances.argmin(axis=1)
    return indices, np.sqrt(distances[np.arange(len(features)), indices])


def squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Between all rows of (N, D) and (M, D) float64 -> (N, M), never negative."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.maximum(squares, 0)


def _reach(features: np.ndarray) -> np.ndarray:
    """The squared distance of each row to its third neighbour; itself, at distance 0, comes first."""
    distances = squared_distances(features, features)
    np.fill_diagonal(distances, 0)
    return np.partition(distances, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
