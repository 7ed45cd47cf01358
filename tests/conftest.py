"""What many tests share: a tiny real network, a model around it, the page that serves it, and data to learn from."""

import gc
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything counts processors: each worker has one
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[variable] = "1"

os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="ddim-tests-")  # engines that are kept, but not for users

import numpy as np
import pytest
from numpy_unet import random_weights
from tiny_runs import make_pictures

from ddim.model.diffusion_model import DiffusionModel, ModelConfig, Normalizer
from ddim.model.unet import UNetConfig, build_unet
from ddim.model.weights import load, save

TEST_DATA = Path(os.environ.get("DDIM_TEST_DATA", Path(__file__).parents[2] / "shared"))


def pytest_collection_modifyitems(items):
    """What needs the page is slow, slow tests come first, and what shares a page or a file goes to one worker."""
    for item in items:
        group = str(item.path)
        if "served" in item.fixturenames:
            item.add_marker(pytest.mark.slow)
            group = "browser" if "browser" in item.fixturenames else "page"
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish():
    """Gradio leaves event loops to the garbage collector, and pytest tells of each. Where that happens amid an import,
    Python 3.11 fails; so it happens here.
    """
    gc.collect()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    """As after collection: plugins are imported to tell of the session."""
    gc.collect()
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


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
def species_model(tiny_normalizer):
    """A tiny model that can be asked for roses, sunflowers and tulips, all of which matter to its random weights."""
    config = UNetConfig(image_size=8, widths=(4, 8), block_depth=1, conditioning="blocks", num_classes=3)
    config = replace(config, patch_size=2, embedding_size=8, embedding_max_frequency=4.0)
    network = build_unet(config)
    network.set_weights(random_weights(network))
    classes = {"rose": 30, "sunflower": 60, "tulip": 10}
    model_config = ModelConfig(config, "velocity", max_signal_rate=0.999)
    return DiffusionModel(model_config, network, tiny_normalizer, card={"name": "species"}, classes=classes)


@pytest.fixture(scope="session")
def tiny_weights(tiny_model, tmp_path_factory) -> str:
    """The tiny model as a file, by the name that `load` takes."""
    stem = tmp_path_factory.mktemp("weights") / "tiny"
    save(tiny_model, stem)
    return str(stem)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> str:
    """Pictures to train on, by the name that `--dataset` takes."""
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="session")
def served(tiny_model, species_model, dataset, tmp_path_factory):
    """The page with the tiny model, and one with classes: its address, the name of its weights, and its Blocks."""
    from serving import serve  # Gradio takes its time to import

    with serve(tiny_model, tmp_path_factory.mktemp("app"), species_model, dataset) as served:
        yield served


@pytest.fixture(scope="session")
def species_weights(served) -> str:
    """The name of the weights with classes on the same page."""
    return (Path(served[1]).parent / "species").as_posix()


@pytest.fixture(scope="session")
def weights(served) -> str:
    """The name of the weights that the page is served with."""
    return served[1]


@pytest.fixture(scope="session")
def model(weights):
    """The model that the page is served with, loaded once more."""
    return load(weights)


@pytest.fixture(scope="session")
def settings_of_tabs(weights):
    """The settings of each tab by the tab's name, as addresses and files bring them back."""
    from serving import settings_of

    return settings_of(Path(weights).parent)


@pytest.fixture(scope="session")
def client(served, tmp_path_factory):
    """A caller of the page's API, who downloads what it answers with."""
    from gradio_client import Client

    folder = tmp_path_factory.mktemp("downloads")
    client = Client(served[0], verbose=False, download_files=folder, analytics_enabled=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of data that is too large for the repository."""
    if not TEST_DATA.is_dir():
        pytest.skip(f"needs the data in {TEST_DATA}: set DDIM_TEST_DATA to where they are")
    return TEST_DATA
