"""The commands train, average, import, evaluate and info: they make weights, measure them, and say what they are."""

import argparse
import signal
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ddim.cli.terminal import PICTURES, output_file, show, show_last
from ddim.configuration import add_options, from_options, given, numbers, options_of
from ddim.errors import UserError
from ddim.evaluation.evaluate import EvaluateConfig, evaluate
from ddim.evaluation.report import chart, table, to_json
from ddim.media.images import save_picture
from ddim.model.imported import TUTORIAL_IMAGE_SIZE
from ddim.model.weights import BEST, WEIGHTS_SUFFIX, load, save
from ddim.processes.group import UNNAMED, Group, joined, losses_told
from ddim.runs.folder import folder_of
from ddim.training.config import DISTILLATION, PRESETS, RESUMABLE, TrainConfig, config_of_run, with_absolute_paths
from ddim.training.distill_config import DistillConfig, distillation_of_run
from ddim.training.train import train


def add_train(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "train", help="train weights", description="Train weights of your own. Everything goes into RUNS_DIR/RUN."
    )
    parser.set_defaults(command=_train)
    add_run(parser)
    parser.add_argument("--resume", action="store_true", help="Go on with RUN from its last checkpoint and options.")
    parser.add_argument(
        "--accept-changed-data", action="store_true", help="Go on although the pictures are not those of before."
    )
    parser.add_argument("--preset", choices=PRESETS, default="tutorial", help="Where the defaults come from.")
    add_options(parser, TrainConfig, without=["num_classes"])  # as many as the pictures have
    add_options(parser, Group)


def _train(runs_dir: Path, run: str, resume: bool, accept_changed_data: bool, preset: str, **options: Any) -> int:
    group = from_options(Group, options)
    if not resume:
        config = from_options(TrainConfig, {**PRESETS[preset], **options})
        return run_training(config, new_run(runs_dir, run), group=group)
    folder = folder_of(runs_dir, run)
    if kept := [f"--{name.replace('_', '-')}" for name in options if name not in (*RESUMABLE, *options_of(Group))]:
        changeable = ", ".join(f"--{name.replace('_', '-')}" for name in RESUMABLE)
        raise UserError(f"A resumed run keeps its {', '.join(kept)}: of its options it takes {changeable}.")
    before = config_of_run(folder)
    config = replace(before, **given(TrainConfig, options))
    if config.epochs != before.epochs and config.learning_rate_decay != "none":
        show_last(f"The learning rate falls to 0 by epoch {config.epochs} now: where it had fallen, it rises again.")
    return run_training(config, folder, accept_changed_data, distillation_of_run(folder), group)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which run it is."""
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), metavar="FOLDER", help="Default: runs.")
    parser.add_argument("--run", default=f"{datetime.now():%Y-%m-%d-%H%M%S}", metavar="NAME", help="Default: the time.")


def new_run(runs_dir: Path, run: str) -> Path:
    """The folder of a run that is to begin. Raises UserError if it has begun already, or cannot be called so."""
    folder = folder_of(runs_dir, run)
    if any((folder / name).exists() for name in ("checkpoints", f"{BEST}{WEIGHTS_SUFFIX}")):
        raise UserError(f"The run {folder} exists: resume it with train --resume, or choose another name with --run.")
    return folder


def run_training(
    config: TrainConfig,
    folder: Path,
    accept_changed_data: bool = False,
    distillation: DistillConfig | None = None,
    group: Group = UNNAMED,
) -> int:
    """Train, say how it ended, and return the exit code."""
    stopped_by = train(with_absolute_paths(config), folder, show, show_last, accept_changed_data, distillation, group)
    show_last(f"{folder}: {'stopped, go on with train --resume' if stopped_by else 'finished'}")
    return 128 + signal.SIGINT if stopped_by == signal.SIGINT else 0


def add_average(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "average",
        help="make weights of a run with an average of another length",
        description="Make weights of a run that had --average-lengths, with an average of any length. Of several "
        "lengths, the one whose pictures have the lowest KID is kept.",
    )
    parser.set_defaults(command=_average)
    parser.add_argument("run", type=Path, metavar="RUN", help="The folder of the run.")
    parser.add_argument(
        "--length", type=numbers, required=True, metavar="X,...", help="Parts of the run, such as 0.08."
    )
    parser.add_argument("--step", type=int, metavar="N", help="The last step that counts. Default: all.")
    parser.add_argument(
        "--output", type=output_file(), metavar="NAME", help="Default: average in the folder of the run."
    )


def _average(run: Path, length: tuple[float, ...], step: int | None, output: Path | None) -> int:
    if not (run / "config.json").exists():
        raise UserError(f"There is no run {run}.")
    from ddim.training.averaged_weights import save_best_average  # with Keras, which takes its time

    stem = output or run / "average"
    kids = save_best_average(run, stem, length, step, show)
    show_last("")
    for one, kid in kids.items():
        print(
            f"length {one:g}: KID x 1000 {1000 * kid.page_kid:.1f} as the page samples, {1000 * kid.kid:.1f} by 5 steps"
        )
    print(f"{stem}{WEIGHTS_SUFFIX}: length {min(kids, key=lambda one: kids[one].page_kid) if kids else length[0]:g}")
    return 0


def add_import(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "import",
        help="take over weights of the Keras tutorial",
        description="Take over what the Keras tutorial's own program saved, diffusion_model.weights.h5: its averaged "
        "network and its normalizer go into RUNS_DIR/NAME, where the page and --weights RUNS_DIR/NAME find them, with "
        "a card that says what they are and where they come from.",
    )
    parser.set_defaults(command=_import)
    parser.add_argument("file", metavar="FILE", help="The .weights.h5 file.")
    parser.add_argument("--name", required=True, metavar="NAME", help="What the weights shall be called.")
    parser.add_argument(
        "--image-size",
        type=int,
        default=TUTORIAL_IMAGE_SIZE,
        metavar="N",
        help=f"Height and width of its pictures, which the file does not say. Default: {TUTORIAL_IMAGE_SIZE}.",
    )
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), metavar="FOLDER", help="Default: runs.")


def _import(file: str, name: str, image_size: int, runs_dir: Path) -> int:
    folder = folder_of(runs_dir, name)
    if folder.exists():
        raise UserError(f"There is a {folder} already: choose another name with --name.")
    model = load(file, "float32", image_size)
    save(model, folder / BEST, imported=model.card["imported"])
    show_last(f"{folder}: {model.network.count_params():,} weights, for --weights {folder}")
    return 0


def add_info(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser("info", help="say what weights are", description="Say what weights are.")
    parser.set_defaults(command=_info)
    parser.add_argument("weights", metavar="WEIGHTS", help="Name, path or run.")


def _info(weights: str) -> int:
    from ddim.model.multiply_adds import multiply_adds  # with Keras as well

    model = load(weights)
    config, card = model.config, model.card
    print(f"{weights}, SHA-256 {card['sha256']}")
    print(f"pictures: {config.network.image_size} x {config.network.image_size}")
    print(
        f"network: {model.network.count_params():,} weights, {multiply_adds(model.network):,} multiply-adds a picture"
    )
    print(
        f"learned: {config.prediction_type}, {config.schedule} schedule, signal rates {config.min_signal_rate:g} to "
        f"{config.max_signal_rate:g}"
    )
    if model.classes:
        print(f"classes: {len(model.classes)}, {', '.join(model.classes)}")
    if DISTILLATION in card:
        print(f"distilled: from {card[DISTILLATION]['teacher']}, for {card['num_steps']} steps of {card['solver']}")
    if "imported" in card:
        print(f"imported: {card['imported']['network']} of {card['imported']['file']}")
    kid = card.get("kid", {})
    if kid.get("value") is not None:
        print(f"KID x 1000: {1000 * kid['value']:.1f}, {kid['protocol']}")
    print(f"here it runs by {model.engine.name} in {model.engine.precision}")
    return 0


def add_evaluate(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "evaluate", help="measure weights", description="Measure weights by KID, with any solvers and numbers of steps."
    )
    parser.set_defaults(command=_evaluate)
    picture: dict[str, Any] = {"type": output_file(*PICTURES), "metavar": "FILE"}
    parser.add_argument("--json", type=output_file(), metavar="FILE", help="Write all that was measured.")
    parser.add_argument("--plot", help="Draw KID over network evaluations.", **picture)
    parser.add_argument("--neighbours", help="Draw pictures, each above the training picture nearest to it.", **picture)
    add_options(parser, EvaluateConfig)
    add_options(parser, Group)


def _evaluate(json: Path | None, plot: Path | None, neighbours: Path | None, **options: Any) -> int:
    config = from_options(EvaluateConfig, options)
    with joined(from_options(Group, options), config.distribute) as member, losses_told():
        results = evaluate(config, show if member.writes else lambda line: None, member)
    if not member.writes:
        return 0
    show_last("")
    print(table(results))
    if json:
        json.write_text(to_json(results))
    if plot:
        save_picture(plot, chart(results))
    if neighbours:
        save_picture(neighbours, results["neighbours"])
    return 0
