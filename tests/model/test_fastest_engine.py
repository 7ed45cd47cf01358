import json
import logging

import numpy as np
import pytest
from numpy_unet import random_weights

import ddim.model.fastest_engine
import ddim.model.folding
from ddim.diffusion.noise import noise_from_seeds
from ddim.errors import UserError
from ddim.model.fastest_engine import fastest_engine
from ddim.model.unet import UNetConfig, build_unet

pytest.importorskip("openvino")

from ddim.model import engine_cache

CONFIG = UNetConfig(image_size=8, widths=(4, 8), block_depth=1)
INPUTS = [noise_from_seeds(range(5), (8, 8, 3)), np.linspace(0.1, 1, 5, dtype=np.float32)]


@pytest.fixture(scope="module")
def network():
    network = build_unet(CONFIG)
    network.set_weights(random_weights(network))
    return network


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engine_cache, "cache_folder", lambda: tmp_path / "ddim")


def never():
    raise AssertionError("The network was loaded.")


def prefer(monkeypatch, name):
    monkeypatch.setattr(ddim.model.fastest_engine, "_seconds", lambda config, engine: engine.name != name)


def test_the_quicker_engine_is_kept_and_needs_no_network_the_next_time(network, monkeypatch):
    prefer(monkeypatch, "OpenVINO")
    first = fastest_engine(CONFIG, lambda: network, "float32", "a1")
    again = fastest_engine(CONFIG, never, "float32", "a1")
    assert (first.name, again.name, again.precision) == ("OpenVINO", "OpenVINO", "float32")
    expected = network.predict_on_batch(INPUTS)
    for engine in (first, again):
        np.testing.assert_allclose(engine(*INPUTS), expected, rtol=1e-4, atol=1e-5)


def test_where_keras_is_quicker_that_is_kept_and_not_measured_again(network, monkeypatch):
    prefer(monkeypatch, "Keras")
    assert fastest_engine(CONFIG, lambda: network, "float32", "a1").name == "Keras"
    monkeypatch.setattr(ddim.model.fastest_engine, "_seconds", lambda config, engine: never())
    again = fastest_engine(CONFIG, lambda: network, "float32", "a1")
    assert again.name == "Keras"
    np.testing.assert_allclose(again(*INPUTS), network.predict_on_batch(INPUTS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("sha256", "precision", "version"), [("b2", "float32", "1"), ("a1", "auto", "1"), ("a1", "float32", "2")]
)
def test_other_weights_precision_or_version_are_measured_anew(network, monkeypatch, sha256, precision, version):
    monkeypatch.setattr(engine_cache, "version", lambda package: "1")
    fastest_engine(CONFIG, lambda: network, "float32", "a1")
    monkeypatch.setattr(engine_cache, "version", lambda package: version)
    with pytest.raises(AssertionError, match="The network was loaded"):
        fastest_engine(CONFIG, never, precision, sha256)


def test_an_engine_that_does_not_agree_is_not_taken(network, monkeypatch):
    prefer(monkeypatch, "OpenVINO")
    other = build_unet(CONFIG)
    other.set_weights([2 * weight for weight in random_weights(other)])
    graph_of = ddim.model.openvino_graph.graph_of
    folded = ddim.model.folding.fold_normalization(CONFIG, other, "float32")
    monkeypatch.setattr(ddim.model.openvino_graph, "graph_of", lambda config, _: graph_of(config, folded))
    assert fastest_engine(CONFIG, lambda: network, "float32", "a1").name == "Keras"


@pytest.mark.parametrize("damage", ["", "{}", "[]", "OpenVINO"])
def test_a_damaged_entry_is_told_and_made_anew(network, monkeypatch, caplog, damage):
    prefer(monkeypatch, "OpenVINO")
    fastest_engine(CONFIG, lambda: network, "float32", "a1")
    entry = engine_cache.entry_of(CONFIG, "a1", "float32")
    if damage == "OpenVINO":
        (entry / engine_cache.GRAPH).write_text("<net")
    else:
        (entry / engine_cache.CHOICE).write_text(damage)
    with caplog.at_level(logging.WARNING, "ddim"):
        logging.getLogger("ddim").propagate = True
        assert fastest_engine(CONFIG, lambda: network, "float32", "a1").name == "OpenVINO"
    assert "cannot be read and is made anew" in caplog.text
    assert json.loads((entry / engine_cache.CHOICE).read_text())["name"] == "OpenVINO"


def test_no_more_than_a_dozen_are_kept_and_the_one_unused_for_longest_goes(network, monkeypatch):
    monkeypatch.setattr(engine_cache, "MAX_KEPT", 2)
    for sha256 in ("a1", "b2", "a1", "c3"):
        fastest_engine(CONFIG, lambda: network, "float32", sha256)
    kept = {path.name for path in engine_cache.cache_folder().iterdir()}
    assert kept == {engine_cache.entry_of(CONFIG, sha256, "float32").name for sha256 in ("a1", "c3")}


def test_without_openvino_keras_runs_it(network, monkeypatch):
    monkeypatch.setattr(ddim.model.fastest_engine, "find_spec", lambda name: None)
    engine = fastest_engine(CONFIG, lambda: network, "float32", "a1")
    assert (engine.name, engine.precision) == ("Keras", "float32")
    np.testing.assert_allclose(engine(*INPUTS), network.predict_on_batch(INPUTS), rtol=1e-4, atol=1e-5)


def test_an_unknown_precision_is_refused_before_anything_is_loaded():
    with pytest.raises(UserError, match="precision must be one of auto, float32, bfloat16"):
        fastest_engine(CONFIG, never, "float16", "a1")
