import json
from dataclasses import replace

import numpy as np
import pytest
from decoding import has_colour
from mean_encoder import MeanEncoder

import ddim
from ddim.data import Dataset, Pictures
from ddim.evaluation import evaluate as module
from ddim.evaluation.classifier import Classifier
from ddim.evaluation.evaluate import EvaluateConfig, evaluate
from ddim.evaluation.kid import kid_of_batches, kid_of_subsets
from ddim.evaluation.precision_recall import precision_recall
from ddim.evaluation.report import chart, table, to_json
from ddim.media.chart import COLOURS
from ddim.model.classes import drawn_class
from ddim.model.weights import save
from ddim.processes.member import Member


@pytest.fixture
def weights(tiny_model, tmp_path, monkeypatch):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    monkeypatch.setattr(module, "InceptionEncoder", MeanEncoder)
    # Half are of one class, half of another, which are told apart by how red they are.
    names = np.array(["rose", "tulip"] * 30)
    pictures[names == "tulip", ..., 0] //= 2
    parts = Pictures(pictures[:40], names[:40]), Pictures(pictures[40:], names[40:])
    monkeypatch.setattr(module, "load_dataset", lambda dataset, image_size: Dataset(*parts, "60 pictures"))
    save(tiny_model, tmp_path / "tiny")
    return str(tmp_path / "tiny")


def config_of(weights, **settings):
    return EvaluateConfig(weights=(weights,), num_images=16, first_seed=5, precision="float32", **settings)


def test_a_measurement_is_that_of_the_pictures_of_its_seeds(weights):
    results = evaluate(config_of(weights, num_steps=(3,), generations=2))
    (measurement,) = results["measurements"]
    assert measurement["first_seeds"] == [5, 21]
    real = MeanEncoder(None, None).features(module.load_dataset("", 8).validation.images)
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
    training = module.load_dataset("", 8).train.images
    for place in range(12):
        below = picture[8:, 8 * place : 8 * place + 8]
        assert (training == below).all(axis=(1, 2, 3)).any()


@pytest.fixture
def species_weights(weights, species_model, tmp_path):
    save(species_model, tmp_path / "species")
    return str(tmp_path / "species")


def test_guidance_is_measured_for_weights_with_classes_alone(weights, species_weights):
    config = replace(config_of(weights, num_steps=(2,), guidance=(1.0, 2.0)), weights=(weights, species_weights))
    results = evaluate(config)
    measured = [(one["weights"], one["config"]["guidance"], one["nfe"]) for one in results["measurements"]]
    assert measured == [(weights, 1.0, 2), (species_weights, 1.0, 2), (species_weights, 2.0, 4)]
    assert [len(one["as_asked"]) for one in results["measurements"]] == [0, 1, 1]
    assert "guidance" in table(results)


def test_pictures_are_as_asked_where_the_classifier_takes_them_for_the_class_their_seed_drew(species_weights):
    results = evaluate(config_of(species_weights, num_steps=(2,)))
    model = ddim.load(species_weights, "float32")
    training, features = module.load_dataset("", 8).train, MeanEncoder(None, None).features
    classifier = Classifier(features(training.images), training.class_names)
    taken_for = classifier.taken_for(features(ddim.generate(model, range(5, 21), num_steps=2)))
    drawn = np.array([drawn_class(seed, model.classes) for seed in range(5, 21)])
    known = drawn != "sunflower"  # of which there is no photograph
    assert results["measurements"][0]["as_asked"] == [pytest.approx(np.mean((taken_for == drawn)[known]))]
    assert results["accuracy"] > 0.9


def test_neighbours_of_a_class_are_of_that_class_the_rarest_first(species_weights):
    picture = evaluate(config_of(species_weights, num_steps=(2,), guidance=(2.0,)))["neighbours"]
    model, training = ddim.load(species_weights, "float32"), module.load_dataset("", 8).train
    for place, name in ((0, "tulip"), (1, "rose")):
        above, below = picture[:8, 8 * place : 8 * place + 8], picture[8:, 8 * place : 8 * place + 8]
        own = ddim.generate(model, [5 + place], num_steps=2, guidance=2.0, class_name=name)[0]
        assert np.abs(above.astype(int) - own).max() <= 1
        (found,) = np.flatnonzero((training.images == below).all(axis=(1, 2, 3)))
        assert training.class_names[found] == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"solvers": ("euler",)},
        {"num_steps": (0,)},
        {"num_images": 1},
        {"generations": 0},
        {"guidance": ()},
        {"guidance": (11.0,)},
        {"solvers": ("ddim:x",)},
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(wrong):
    with pytest.raises(ValueError):
        EvaluateConfig(**wrong)


def test_sharing_needs_a_backend_that_can(weights):
    with pytest.raises(ValueError, match="--distribute data_parallel needs .* KERAS_BACKEND=jax"):
        evaluate(config_of(weights, distribute="data_parallel"))


def test_each_process_needs_a_picture(weights):
    with pytest.raises(ValueError, match="num_images must be at least one for each process, but is 16."):
        evaluate(config_of(weights), member=Member(0, 17))
