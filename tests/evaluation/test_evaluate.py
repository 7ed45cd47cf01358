import json

import numpy as np
import pytest
from decoding import has_colour

import ddim
from ddim.evaluation import evaluate as module
from ddim.evaluation.evaluate import EvaluateConfig, chart, evaluate, table, to_json
from ddim.evaluation.kid import kid_of_batches, kid_of_subsets
from ddim.evaluation.precision_recall import precision_recall
from ddim.media.chart import COLOURS
from ddim.model.weights import save


class MeanEncoder:
    """Stands in for Inception: the features of a picture are its colours, row by row."""

    protocol = "mean colours of rows"

    def __init__(self, block, weights_path):
        pass

    def features(self, images):
        return images.mean(axis=2).reshape(len(images), -1).astype(np.float32) / 255


@pytest.fixture
def weights(tiny_model, tmp_path, monkeypatch):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    parts = {"train": pictures[:40], "validation": pictures[40:]}
    monkeypatch.setattr(module, "InceptionEncoder", MeanEncoder)
    monkeypatch.setattr(module, "load_images", lambda dataset, split, image_size: parts[split])
    save(tiny_model, tmp_path / "tiny")
    return str(tmp_path / "tiny")


def config_of(weights, **settings):
    return EvaluateConfig(weights=(weights,), num_images=16, first_seed=5, precision="float32", **settings)


def test_a_measurement_is_that_of_the_pictures_of_its_seeds(weights):
    results = evaluate(config_of(weights, num_steps=(3,), generations=2))
    (measurement,) = results["measurements"]
    assert measurement["first_seeds"] == [5, 21]
    real = MeanEncoder(None, None).features(module.load_images("", "validation", 8))
    for index, first in enumerate((5, 21)):
        images = ddim.generate(ddim.load(weights, "float32"), range(first, first + 16), num_steps=3)
        features = MeanEncoder(None, None).features(images)
        closeness = precision_recall(real, features)
        assert measurement["kid_subsets"][index] == pytest.approx(kid_of_subsets(real, features).mean, abs=1e-3)
        assert measurement["kid_batches"][index] == pytest.approx(kid_of_batches(real, features).mean, abs=1e-3)
        assert (measurement["precision"][index], measurement["recall"][index]) == pytest.approx(closeness)


def test_every_solver_is_measured_at_every_number_of_steps_with_its_evaluations(weights):
    settings = {"solvers": ("ddim", "heun", "unipc:inclusive"), "num_steps": (2, 3)}
    results = evaluate(config_of(weights, **settings))
    measured = [(one["config"]["solver"], one["config"]["num_steps"], one["nfe"]) for one in results["measurements"]]
    assert measured == [
        ("ddim", 2, 2),
        ("heun", 2, 3),
        ("unipc", 2, 2),
        ("ddim", 3, 3),
        ("heun", 3, 5),
        ("unipc", 3, 3),
    ]
    placements = {one["config"]["solver"]: one["config"]["node_placement"] for one in results["measurements"]}
    assert placements == {"ddim": "reference", "heun": "reference", "unipc": "inclusive"}


def test_the_protocol_stands_in_every_output(weights):
    results = evaluate(config_of(weights, num_steps=(2,)))
    for word in ("16 generated", "20 validation", "8 x 8", MeanEncoder.protocol):
        assert word in results["protocol"]
        assert word in table(results)


def test_the_table_has_means_and_spreads_of_generations(weights):
    results = evaluate(config_of(weights, num_steps=(2,), generations=3))
    kids = 1000 * np.array(results["measurements"][0]["kid_subsets"])
    assert f"{kids.mean():.1f} +- {kids.std():.1f}" in table(results)


def test_the_json_holds_every_number_and_the_chart_every_line(weights):
    results = evaluate(config_of(weights, solvers=("ddim", "ab2"), num_steps=(2, 3)))
    written = json.loads(to_json(results))
    assert written["measurements"] == json.loads(json.dumps(results["measurements"]))
    assert written["protocol"] == results["protocol"]
    picture = chart(results)
    assert all(has_colour(picture, colour).any() for colour in COLOURS[:3])


def test_neighbours_are_generated_pictures_above_training_pictures(weights):
    picture = evaluate(config_of(weights, num_steps=(2,)))["neighbours"]
    assert picture.shape == (16, 12 * 8, 3)
    training = module.load_images("", "train", 8)
    for place in range(12):
        below = picture[8:, 8 * place : 8 * place + 8]
        assert (training == below).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize(
    "wrong",
    [{"solvers": ("euler",)}, {"num_steps": (0,)}, {"num_images": 1}, {"generations": 0}, {"solvers": ("ddim:x",)}],
)
def test_what_cannot_be_measured_is_refused_at_once(wrong):
    with pytest.raises(ValueError):
        EvaluateConfig(**wrong)
