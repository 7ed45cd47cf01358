"""The command distill: weights that make pictures in a few steps, out of weights that take many."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ddim.cli.train import add_run, new_run, run_training
from ddim.configuration import add_options, from_json, from_options, options_of
from ddim.model.diffusion_model import ModelConfig
from ddim.model.weights import WEIGHTS_DIR, find, read
from ddim.processes.group import Group
from ddim.training.config import TrainConfig
from ddim.training.distill_config import DEFAULTS, OF_THE_TEACHER, DistillConfig, options_of_teacher

DECIDED = ("teacher", "teacher_sha256", "init_weights", "class_conditional", "time_sampling")


def add_distill(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "distill",
        help="train weights that need few steps",
        description="Train a student that makes in a few steps the pictures that its teacher makes in many. It is a "
        "run like any other: everything goes into RUNS_DIR/RUN, and `train --run RUN --resume` goes on with it.",
    )
    parser.set_defaults(command=_distill)
    parser.add_argument("weights", metavar="WEIGHTS", help="The teacher: name, path or run.")
    add_run(parser)
    defaults = {**DEFAULTS, **dict.fromkeys((*OF_THE_TEACHER, "guidance"), "the teacher's")}
    add_options(parser, DistillConfig, DECIDED, defaults)
    add_options(parser, TrainConfig, (*DECIDED, *options_of(ModelConfig)), defaults)
    add_options(parser, Group)


def _distill(weights: str, runs_dir: Path, run: str, **options: Any) -> int:
    folder, stem = new_run(runs_dir, run), find(weights)
    card, _ = read(stem)
    # A run that is resumed from elsewhere still finds its teacher.
    teacher = stem.name if stem.parent == WEIGHTS_DIR else str(stem.absolute())
    told = {"guidance": card.get("guidance", 1.0), "teacher": teacher, "teacher_sha256": card["sha256"]}
    told |= {**options_of_teacher(card), **options}
    config = from_options(TrainConfig, {**DEFAULTS, **told})
    config = replace(config, model=from_json(ModelConfig, card["model"]), class_conditional="classes" in card)
    distillation = from_options(DistillConfig, told)
    return run_training(config, folder, distillation=distillation, group=from_options(Group, options))
