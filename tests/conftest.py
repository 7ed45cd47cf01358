"""What many tests share: a tiny real network with random weights, a model around it, and data beside the repository."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy_unet import random_weights

from ddim.model import DiffusionModel, ModelConfig, Normalizer
from ddim.unet import UNetConfig, build_unet

TEST_DATA = Path(os.environ.get("DDIM_TEST_DATA", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def tiny_config():
    return UNetConfig(image_size=8, widths=(4, 8), block_depth=1)


@pytest.fixture(scope="session")
def tiny_network(tiny_config):
    network = build_unet(tiny_config)
    network.set_weights(random_weights(network))
    return network


@pytest.fixture(scope="session")
def tiny_normalizer():
    return Normalizer(np.array([0.5, 0.4, 0.3], np.float32), np.array([0.08, 0.05, 0.07], np.float32))


@pytest.fixture(scope="session")
def tiny_model(tiny_config, tiny_network, tiny_normalizer):
    return DiffusionModel(ModelConfig(network=tiny_config), tiny_network, tiny_normalizer)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of data that is too large for the repository."""
    if not TEST_DATA.is_dir():
        pytest.skip(f"needs the data in {TEST_DATA}: set DDIM_TEST_DATA to where they are")
    return TEST_DATA
