import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import epochs_of, last_checkpoint, tiny_config

import ddim
import ddim.training.report
from ddim.data import load_dataset
from ddim.making.generate import sample
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import UNetConfig, build_unet
from ddim.model.weights import load, save
from ddim.processes.member import ALONE, Member
from ddim.training.config import config_of_run
from ddim.training.distill_config import DistillConfig, distillation_of_run
from ddim.training.distillation import Distillation, distilling_network
from ddim.training.train import train

pytestmark = pytest.mark.slow

OPTIONS = {"loss": "pseudo_huber", "loss_on": "velocity", "ema_momentum": 0.95}


def distilling(stem, **settings):
    return DistillConfig(str(stem), load(stem).card["sha256"], **settings)


def options_for(stem, dataset, **options):
    return replace(tiny_config(dataset, **{**OPTIONS, **options}), model=load(stem).config)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, species_model):
    """A teacher with random weights, which see something else in every picture and for every class."""
    stem = tmp_path_factory.mktemp("weights") / "teacher"
    save(species_model, stem, guidance=2.0, training={"class_dropout": 0.3, "horizontal_flips": True})
    return stem


@pytest.fixture(scope="module")
def constant_teacher(tmp_path_factory, tiny_config, tiny_normalizer):
    """A teacher that sees one picture whatever it is shown."""
    network = build_unet(tiny_config)
    network.layers[-1].bias.assign([0.3, -0.2, 0.1])
    stem = tmp_path_factory.mktemp("weights") / "constant"
    save(DiffusionModel(ModelConfig(tiny_config, "image"), network, tiny_normalizer), stem)
    return stem


def subject_of(stem, dataset, **settings):
    config = options_for(stem, dataset)
    return Distillation(config, distilling(stem, **settings)), config


@pytest.mark.parametrize("last", [16, 128])
def test_a_perfect_student_has_no_loss(constant_teacher, dataset, last):
    subject, config = subject_of(constant_teacher, dataset, last_teacher_steps=last)
    pictures, validation, _ = load_dataset(dataset, 8)
    examples_at = subject.training_examples(pictures, total_steps=2, member=ALONE)
    learner = distilling_network(subject.model.network, "image")
    learner.compile(loss="mae")
    for step in (0, 1, 2):
        inputs, targets = examples_at(step)
        for kind, outputs in learner.predict_on_batch(inputs).items():
            np.testing.assert_allclose(outputs, targets[kind], atol=2e-3, err_msg=kind)
    (inputs, targets), *_ = subject.validation_batches(validation)
    np.testing.assert_allclose(targets["image"], np.broadcast_to([0.3, -0.2, 0.1], (8, 8, 8, 3)), atol=1e-4)


def test_the_shares_of_two_processes_are_the_batch_of_one(teacher, dataset):
    subject, _ = subject_of(teacher, dataset, guidance=2.0)
    pictures, _, _ = load_dataset(dataset, 8)
    whole, *shares = (
        subject.training_examples(pictures, total_steps=2, member=member)(1)
        for member in (ALONE, Member(0, 2), Member(1, 2))
    )
    for index, expected in enumerate(whole):
        for name, array in expected.items():
            together = np.concatenate([share[index][name] for share in shares])
            np.testing.assert_allclose(together, array, atol=1e-4, err_msg=name)


@pytest.fixture(scope="module")
def gaussian_teacher(tmp_path_factory, tiny_normalizer):
    """A teacher that is right about pictures of pure noise: it sees no velocity, so in many steps the first noise is
    the picture. In few it fades, since each step is a tangent to a circle.
    """
    config = UNetConfig(image_size=8, widths=(4, 8), block_depth=1, conditioning="blocks", embedding_size=8)
    model_config = ModelConfig(replace(config, embedding_max_frequency=4.0), "velocity", max_signal_rate=0.999)
    stem = tmp_path_factory.mktemp("weights") / "gaussian"
    save(DiffusionModel(model_config, build_unet(model_config.network), tiny_normalizer), stem)
    return stem


def test_a_student_comes_nearer_to_its_teacher_in_four_steps_than_the_teacher_itself(
    tmp_path, gaussian_teacher, dataset
):
    options = {"epochs": 2, "repetitions": 40, "learning_rate": 1e-2, "learning_rate_decay": "linear"}
    config = options_for(gaussian_teacher, dataset, **options)
    train(config, tmp_path / "run", distillation=distilling(gaussian_teacher))
    teacher, student = load(gaussian_teacher, "float32"), load(tmp_path / "run", "float32")
    many, by_teacher, by_student = (
        last_pictures(model, num_steps) for model, num_steps in ((teacher, 128), (teacher, 4), (student, 4))
    )
    apart_of_teacher, apart_of_student = (np.sqrt(np.mean((few - many) ** 2)) for few in (by_teacher, by_student))
    assert apart_of_teacher > 0.05
    assert apart_of_student < apart_of_teacher / 3


def last_pictures(model, num_steps):
    """Pictures (B, H, W, C) of the same seeds, not clipped."""
    *_, last = sample(model, range(32), num_steps=num_steps)
    return last.pred_images


@pytest.fixture(scope="module")
def distilled(tmp_path_factory, teacher, dataset):
    """A run that nothing disturbed."""
    run = tmp_path_factory.mktemp("runs") / "distilled"
    train(options_for(teacher, dataset), run, distillation=distilling(teacher, guidance=2.0))
    return run


def test_a_stopped_distillation_goes_on_as_if_nothing_had_been(tmp_path, teacher, dataset, distilled, monkeypatch):
    monkeypatch.setattr(ddim.training.report, "SECONDS_BETWEEN_STATUSES", 0)
    run = tmp_path / "run"

    def stop(line):
        if "step 6 " in line:
            os.kill(os.getpid(), signal.SIGTERM)

    config, distillation = options_for(teacher, dataset), distilling(teacher, guidance=2.0)
    assert train(config, run, stop, distillation=distillation) == signal.SIGTERM
    assert distillation_of_run(run) == distillation
    assert train(config_of_run(run), run, distillation=distillation_of_run(run)) is None
    for line, expected in zip(epochs_of(run), epochs_of(distilled), strict=True):
        assert line["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-4)
    for name, array in last_checkpoint(distilled).items():
        np.testing.assert_allclose(last_checkpoint(run)[name], array, rtol=1e-3, atol=1e-4, err_msg=name)


def test_the_card_says_how_to_sample_and_who_was_the_teacher(teacher, distilled):
    model = ddim.load(distilled)
    told = {name: model.card[name] for name in ("num_steps", "solver", "node_placement", "guidance")}
    assert told == {"num_steps": 4, "solver": "ddim", "node_placement": "reference", "guidance": 1.0}
    assert model.card["distillation"]["teacher"] == "teacher"
    assert model.card["distillation"]["teacher_sha256"] == load(teacher).card["sha256"]
    assert model.card["distillation"]["guidance"] == 2.0
    assert model.classes == load(teacher).classes


def test_statistics_of_batches_stay_as_the_teacher_has_them(teacher, distilled):
    student = load(distilled, "float32").network.weights
    pairs = list(zip(load(teacher, "float32").network.weights, student, strict=True))
    assert any("moving" in before.path for before, _ in pairs)
    for before, after in pairs:
        is_same = np.array_equal(before, after)
        assert is_same == ("moving" in before.path), before.path


def test_another_teacher_of_the_same_name_is_refused(tmp_path, teacher, dataset, constant_teacher):
    other = replace(distilling(teacher), teacher=str(constant_teacher))
    with pytest.raises(ValueError, match="The teacher has changed"):
        train(options_for(constant_teacher, dataset), tmp_path / "run", distillation=other)


def test_guidance_without_classes_is_refused(tmp_path, constant_teacher, dataset):
    with pytest.raises(ValueError, match="knows no classes to be guided by"):
        train(
            options_for(constant_teacher, dataset),
            tmp_path / "run",
            distillation=distilling(constant_teacher, guidance=2.0),
        )
