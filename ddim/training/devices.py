"""Where a network learns, and in which precision: one device or several, and what several need."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from ddim.errors import UserError
from ddim.model.backend import has_gpu, prefers_bfloat16
from ddim.model.unet import Precision
from ddim.processes.group import check_backend
from ddim.training.config import Distribute, TrainingPrecision


def resolved_precision(precision: TrainingPrecision) -> TrainingPrecision:
    """The precision to train in; "auto" is float16 on a GPU, bfloat16 where that is quicker, else float32."""
    if precision != "auto":
        return precision
    return "float16" if has_gpu() else "bfloat16" if prefers_bfloat16() else "float32"


def network_precision(precision: TrainingPrecision) -> Precision:
    """The Keras policy to train in."""
    policies: dict[str, Precision] = {
        "float32": "float32",
        "bfloat16": "mixed_bfloat16",
        "float16": "mixed_float16",
    }
    return policies[resolved_precision(precision)]


def devices(distribute: Distribute, batch_size: int) -> Callable[[], AbstractContextManager]:
    """Where to build, compile and fit: on one device, or on all of this machine's, each with its part of every batch.

    "mirrored" is TensorFlow's MirroredStrategy; "data_parallel" is keras.distribution on JAX, across machines too.
    Raises UserError for a backend that cannot do this, and a batch that cannot be shared evenly.
    """
    check_backend(distribute)
    match distribute:
        case "none":
            return nullcontext
        case "mirrored":
            import tensorflow as tf

            found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
            strategy = tf.distribute.MirroredStrategy([device.name for device in found])
            count, scope = strategy.num_replicas_in_sync, strategy.scope
        case "data_parallel":
            distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
            count, scope = distribution.device_mesh.devices.size, distribution.scope
    if batch_size % count:
        raise UserError(f"batch_size must be a multiple of the {count} devices that share it, but is {batch_size}.")
    return scope


class MirroredAdamW(keras.optimizers.AdamW):
    """AdamW that clips the gradients of the whole batch, though devices share it.

    Under MirroredStrategy, Keras clips the gradients of each device's part and then sums them. Here each device first
    gets the mean of all parts: clipped to its share of the norm, they sum to what one device would clip.
    """

    def __init__(self, *arguments: Any, global_clipnorm: float, **settings: Any):
        import tensorflow as tf

        share = global_clipnorm / tf.distribute.get_strategy().num_replicas_in_sync
        super().__init__(*arguments, global_clipnorm=share, **settings)

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Apply the mean of all devices' gradients, clipped to this device's share."""
        import tensorflow as tf

        means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, grads)
        super().apply(means, trainable_variables)
