"""Muon for networks of convolutions: steps along the nearest orthogonal matrix, which move all directions alike.

Keras' optimizer gives only matrices such steps, and AdamW's to all else. Here kernels count as matrices: what comes in
by what goes out. So does Jordan's original (2024), and Liu et al. (2502.16982) scale steps to be as long as AdamW's.
"""

import math
from typing import Any

import keras
from keras import ops

MIN_SIDE = 16
RMS = 0.2  # that of AdamW's steps (2502.16982, section 2.2)


class Muon(keras.optimizers.Muon):
    """AdamW for biases and for kernels with a side below 16, such as the last convolution's; Muon for the others.

    Newton and Schulz's iteration runs in bfloat16, as in the original: five of them are a tenth of the work of a batch.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) < 2 or min(matrix_shape(variable)) < MIN_SIDE

    def _muon_update_step(self, gradient: Any, variable: keras.Variable, lr: Any, m: keras.Variable) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        shape = matrix_shape(variable)
        nesterov = ops.reshape(gradient + self.momentum * m, shape)
        direction = self.zeropower_via_newtonschulz5(ops.cast(nesterov, "bfloat16"), self.ns_steps)
        step = lr * RMS * math.sqrt(max(shape)) * ops.cast(direction, variable.dtype)
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def matrix_shape(variable: Any) -> tuple[int, int]:
    """Inputs and outputs of a kernel: of a convolution (H, W, I, O), of a projection into heads (I, N, D), or out of
    them (N, D, O). Heads share the channels, so I is at least N times D.
    """
    *inputs, outputs = variable.shape
    if len(inputs) == 2 and inputs[0] >= inputs[1] * outputs:
        return inputs[0], inputs[1] * outputs
    return math.prod(inputs), outputs
