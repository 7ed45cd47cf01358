"""Averages of a network's weights while it learns. They live where the weights do: no step takes them to the host."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops


def new_average(network: keras.Model) -> list[keras.Variable]:
    """An average of all weights, batch statistics among them, that has seen but these."""
    return [keras.Variable(array, trainable=False) for array in network.get_weights()]


def update_average(average: Sequence[keras.Variable], weights: Sequence[keras.Variable], momentum: float) -> None:
    """average <- momentum * average + (1 - momentum) * weight."""
    share = np.array(1 - momentum, np.float32)  # no Python number: TensorFlow would compile once more for each
    means = _updated()([mean.value for mean in average], [weight.value for weight in weights], share)
    for variable, mean in zip(average, means, strict=True):
        variable.assign(mean)


def arrays_of(average: Sequence[keras.Variable]) -> list[np.ndarray]:
    """An average on the host."""
    return [np.asarray(mean) for mean in average]


@cache
def _updated() -> Callable[[list[Any], list[Any], Any], list[Any]]:
    """A function of tensors that the backend runs as one, where it compiles."""

    def updated(means: list[Any], weights: list[Any], share: Any) -> list[Any]:
        share = ops.convert_to_tensor(share)
        return [mean + share * (ops.stop_gradient(weight) - mean) for mean, weight in zip(means, weights, strict=True)]

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(updated)
        case "jax":
            import jax

            return jax.jit(updated)
    return updated
