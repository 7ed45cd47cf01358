from contextlib import contextmanager

import numpy as np
import pytest

from ddim.errors import UserError
from ddim.model.engine import TURNS, Engine, check_precision
from ddim.model.turns import Turn


def test_while_others_wait_a_turn_is_short(monkeypatch):
    sizes = []

    def run(inputs):
        sizes.append(len(inputs[0]))
        return 2 * inputs[0]

    engine = Engine("Keras", "float32", run)
    noisy_images, noise_variances = np.arange(20.0)[:, None, None, None], np.full(20, 0.5, np.float32)
    np.testing.assert_array_equal(engine(noisy_images, noise_variances), 2 * noisy_images)
    assert sizes == [16, 4]
    sizes.clear()

    @contextmanager
    def crowded():
        yield Turn(is_crowded=True)

    monkeypatch.setattr(TURNS, "turn", crowded)
    np.testing.assert_array_equal(engine(noisy_images, noise_variances), 2 * noisy_images)
    assert sizes == [4] * 5


@pytest.mark.parametrize("precision", ["float16", "mixed_bfloat16", "", None])
def test_an_unknown_precision_is_refused(precision):
    with pytest.raises(UserError, match=f"one of auto, float32, bfloat16, but is {precision!r}"):
        check_precision(precision)
