"""Pictures of the tiny model, as exact as they are made, and how much they differ."""

import numpy as np

from ddim.making.generate import sample

SHAPE = (8, 8, 3)


def finished(steps):
    """The last pictures in units of 1/255, not clipped: the tiny network's would be mostly black and white."""
    *_, last = steps
    return 255 * last.pred_images


def own_pictures(model, seeds):
    """What `finished` makes of the pictures of these seeds, in 3 steps."""
    return finished(sample(model, seeds, num_steps=3))


def differ(one, other):
    """The largest difference of a pixel."""
    return np.abs(one - other).max()
