"""An encoder that takes no hundred megabytes."""

import numpy as np


class MeanEncoder:
    """Stands in for Inception: the features of a picture are its colours, row by row."""

    protocol = "mean colours of rows"

    def __init__(self, block, weights_path):
        pass

    def features(self, images):
        return images.mean(axis=2).reshape(len(images), -1).astype(np.float32) / 255
