import keras
import numpy as np
import pytest

from ddim.model.unet import UNetConfig, build_unet
from ddim.training.config import TrainConfig
from ddim.training.learning import new_optimizer
from ddim.training.muon import Muon, matrix_shape

NETWORK = UNetConfig(image_size=8, widths=(16, 32), block_depth=1, attention_levels=1)


def stepped(shape, gradient):
    """A variable of zeros after a step along a gradient, at a learning rate of 0.01."""
    optimizer = new_optimizer(TrainConfig(optimizer="muon", learning_rate=0.01, weight_decay=0.0), 10, False)
    variable = keras.Variable(np.zeros(shape, np.float32))
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return keras.ops.convert_to_numpy(variable)


def orthogonal_of(gradient, inputs):
    """The nearest matrix with orthonormal rows or columns, by singular values."""
    left, _, right = np.linalg.svd(gradient.reshape(inputs, -1), full_matrices=False)
    return left @ right


@pytest.mark.parametrize("shape, inputs", [((3, 3, 16, 32), 144), ((24, 40), 24), ((32, 4, 8), 32), ((4, 8, 32), 32)])
def test_a_step_is_along_the_nearest_orthogonal_matrix_and_as_long_as_one_of_adamw(shape, inputs):
    gradient = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    step = -stepped(shape, gradient).reshape(inputs, -1) / 0.01
    expected = orthogonal_of(gradient, inputs)
    cosine = np.vdot(step, expected) / np.linalg.norm(step) / np.linalg.norm(expected)
    assert cosine > 0.97  # the iteration leaves singular values between 0.7 and 1.2
    assert np.sqrt(np.mean(step**2)) == pytest.approx(0.2, rel=0.3)


def test_small_kernels_and_biases_take_the_steps_of_adamw():
    gradient = np.random.default_rng(0).normal(size=(3, 3, 64, 12)).astype(np.float32)
    np.testing.assert_allclose(stepped((3, 3, 64, 12), gradient), -0.01 * np.sign(gradient), rtol=5e-3)
    np.testing.assert_allclose(stepped((64,), gradient[0, 0, :, 0]), -0.01 * np.sign(gradient[0, 0, :, 0]), rtol=5e-3)


def test_kernels_are_matrices_of_what_comes_in_by_what_goes_out():
    shapes = {}
    for form in ("plain", "fused"):
        weights = build_unet(NETWORK, form=form).trainable_weights
        shapes[form] = [matrix_shape(weight) for weight in weights if len(weight.shape) > 1]
    assert shapes["plain"] == shapes["fused"]
    assert shapes["plain"].count((32, 32)) == 4  # of the attention
    assert (9 * 16, 16) in shapes["plain"]


def test_a_network_learns_by_it():
    network = build_unet(UNetConfig(image_size=8, widths=(16, 32), block_depth=1))
    network.compile(optimizer=Muon(0.01, weight_decay=0.0, adam_weight_decay=0.0), loss="mse")
    generator = np.random.default_rng(0)
    inputs = [generator.normal(size=(16, 8, 8, 3)).astype(np.float32), np.full(16, 0.5, np.float32)]
    losses = [network.train_on_batch(inputs, inputs[0]) for _ in range(30)]
    assert losses[-1] < 0.3 * losses[0]


def test_clipping_on_several_devices_is_refused():
    with pytest.raises(ValueError, match="the optimizer 'muon' cannot clip gradients: set clip_norm to 0"):
        TrainConfig(optimizer="muon", distribute="mirrored", clip_norm=1.0)
