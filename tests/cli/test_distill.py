"""The command distill: what it asks its teacher for, and what it refuses."""

import json

import pytest
from commands import assert_refused, listed_options, run

import ddim.cli.train
from ddim.model.weights import save
from ddim.processes.group import Group
from ddim.runs.folder import write_json
from ddim.training.config import config_of_run
from ddim.training.distill_config import content_of, distillation_of_run


@pytest.fixture
def begun(monkeypatch):
    """What runs are begun with, none of which trains anything."""
    begun = {}

    def train(config, folder, show, tell, accept_changed_data, distillation, group):
        begun.update(config=config, folder=folder, distillation=distillation, group=group)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", content_of(config, distillation))

    monkeypatch.setattr(ddim.cli.train, "train", train)
    return begun


@pytest.fixture
def teacher(tmp_path, species_model):
    stem = tmp_path / "teacher"
    training = {"dataset": "folder:flowers", "class_dropout": 0.3, "horizontal_flips": True, "epochs": 77}
    save(species_model, stem, guidance=2.5, training=training)
    return stem


def test_a_student_is_asked_for_what_its_teacher_learned(capfd, begun, teacher, species_model, tmp_path):
    arguments = ["--steps", 2, "--runs-dir", tmp_path, "--run", "student", "--epochs", 3]
    assert run(capfd, "distill", teacher, *arguments)[0] == 0
    config, distillation = begun["config"], begun["distillation"]
    assert begun["folder"] == tmp_path / "student"
    assert config.model == species_model.config
    assert config.class_conditional
    assert (config.epochs, config.class_dropout, config.horizontal_flips) == (3, 0.3, True)
    assert config.dataset.endswith("flowers")
    assert (config.loss, config.loss_on, config.optimizer) == ("pseudo_huber", "velocity", "muon")
    assert (distillation.steps, distillation.guidance, distillation.teacher) == (2, 2.5, str(teacher))
    assert distillation.teacher_sha256 == json.loads((tmp_path / "teacher.json").read_text())["sha256"]


def test_train_goes_on_with_it(capfd, begun, teacher, tmp_path):
    place = ["--runs-dir", tmp_path, "--run", "student"]
    assert run(capfd, "distill", teacher, *place)[0] == 0
    asked = dict(begun)
    assert run(capfd, "train", *place, "--resume")[0] == 0
    assert begun == asked
    assert config_of_run(tmp_path / "student") == asked["config"]
    assert distillation_of_run(tmp_path / "student") == asked["distillation"]


def test_processes_that_distil_together_are_told_so_when_they_begin_and_when_they_go_on(
    capfd, begun, teacher, tmp_path
):
    place = ["--runs-dir", tmp_path, "--run", "student"]
    group = ["--coordinator", "host:1234", "--processes", 2, "--process", 1]
    assert run(capfd, "distill", teacher, *place, *group, "--distribute", "data_parallel")[0] == 0
    assert begun["group"] == Group("host:1234", 2, 1)
    assert run(capfd, "train", *place, "--resume", "--epochs", 3)[0] == 0
    assert begun["group"] == Group()
    assert run(capfd, "train", *place, "--resume", *group)[0] == 0
    assert begun["group"] == Group("host:1234", 2, 1)
    assert begun["config"].distribute == "data_parallel"


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ("--steps 0", "steps must be at least 1 and at most 16, but is 0."),
        ("--steps 99", "steps must be at least 1 and at most 16, but is 99."),
        ("--steps few", "--steps"),
        ("--first-teacher-steps 4", "A teacher takes more steps than its student"),
        ("--last-teacher-steps 8", "no fewer at the end than at the beginning"),
        ("--guidance 11", "guidance must be at least 0 and at most 10"),
        ("--learning-rate 0", "learning_rate must be above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(capfd, begun, teacher, tmp_path, arguments, because):
    place = ["--runs-dir", tmp_path, "--run", "student"]
    assert_refused(capfd, "distill", teacher, *place, *arguments.split(), because=because)
    assert not begun


def test_no_teacher_and_a_run_that_exists_are_refused_in_one_line(capfd, begun, teacher, tmp_path):
    assert_refused(capfd, "distill", "roses", because="No weights are called 'roses'")
    (tmp_path / "student" / "checkpoints").mkdir(parents=True)
    place = ["--runs-dir", tmp_path, "--run", "student"]
    assert_refused(capfd, "distill", teacher, *place, because="resume it with train --resume")


def test_help_names_the_defaults_of_this_command(capsys):
    options = listed_options(capsys, "distill")
    assert {"steps", "guidance", "first-teacher-steps", "epochs", "learning-rate", "kid-block"} <= options
    assert not {"teacher", "teacher-sha256", "widths", "init-weights", "class-conditional", "time-sampling"} & options
