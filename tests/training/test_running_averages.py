import keras
import numpy as np
import pytest

from ddim.training.running_averages import arrays_of, new_average, update_average


def test_the_average_follows_all_weights_by_its_momentum(tiny_network):
    average, expected = new_average(tiny_network), tiny_network.get_weights()
    generator = np.random.default_rng(0)
    assert any("moving_variance" in weight.path for weight in tiny_network.weights)
    for momentum in (0.75, 0.5, 0.9):
        weights = [generator.normal(size=array.shape).astype(np.float32) for array in expected]
        update_average(average, [keras.Variable(weight) for weight in weights], momentum)
        expected = [momentum * array + (1 - momentum) * weight for array, weight in zip(expected, weights, strict=True)]
    for array, other in zip(arrays_of(average), expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-6)


def test_no_weight_goes_through_the_host(tiny_network, monkeypatch):
    average = new_average(tiny_network)

    def fetched(*arguments, **settings):
        raise AssertionError("a tensor has been made an array")

    for kind in (keras.Variable, type(tiny_network.weights[0].value), type(keras.ops.ones(1))):
        for name in ("numpy", "__array__"):
            monkeypatch.setattr(kind, name, fetched, raising=False)
    with pytest.raises(AssertionError, match="has been made an array"):
        np.asarray(tiny_network.weights[0])
    update_average(average, tiny_network.weights, 0.9)
