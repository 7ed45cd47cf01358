"""The commands train and evaluate: they make weights, and measure them."""

import json
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

from ddim.cli.terminal import show, show_last
from ddim.configuration import add_options, from_json, from_options
from ddim.errors import UserError
from ddim.evaluation.evaluate import EvaluateConfig, chart, evaluate, table, to_json
from ddim.media.images import save_png
from ddim.training.config import PRESETS, TrainConfig
from ddim.training.train import train


def add_train(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "train", help="train weights", description="Train weights of your own. Everything goes into RUNS_DIR/RUN."
    )
    parser.set_defaults(command=_train)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), metavar="FOLDER", help="Default: runs.")
    parser.add_argument("--run", default=f"{datetime.now():%Y-%m-%d-%H%M%S}", metavar="NAME", help="Default: the time.")
    parser.add_argument("--resume", action="store_true", help="Go on with RUN from its last checkpoint and options.")
    parser.add_argument("--preset", choices=PRESETS, default="tutorial", help="Where the defaults come from.")
    add_options(parser, TrainConfig, without=["num_classes"])  # as many as the pictures have


def _train(runs_dir: Path, run: str, resume: bool, preset: str, **options: Any) -> int:
    folder = runs_dir / run
    if resume and not (folder / "config.json").exists():
        raise UserError(f"There is no run {folder} to resume.")
    if (folder / "checkpoints").exists() and not resume:
        raise UserError(f"The run {folder} exists: resume it with --resume, or choose another name with --run.")
    if resume and options:
        raise UserError("A resumed run keeps its own options: give only --run, --runs-dir and --resume.")
    if resume:
        config = from_json(TrainConfig, json.loads((folder / "config.json").read_text()))
    else:
        config = from_options(TrainConfig, {**PRESETS[preset], **options})
    stopped_by = train(config, folder, show)
    show_last(f"{folder}: {'stopped, go on with --resume' if stopped_by else 'finished'}")
    return 128 + signal.SIGINT if stopped_by == signal.SIGINT else 0


def add_evaluate(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "evaluate", help="measure weights", description="Measure weights by KID, with any solvers and numbers of steps."
    )
    parser.set_defaults(command=_evaluate)
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all that was measured.")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="Draw KID over network evaluations as a .png.")
    parser.add_argument(
        "--neighbours", type=Path, metavar="FILE", help="Draw pictures, each above the training picture nearest to it."
    )
    add_options(parser, EvaluateConfig)


def _evaluate(json: Path | None, plot: Path | None, neighbours: Path | None, **options: Any) -> int:
    results = evaluate(from_options(EvaluateConfig, options), show)
    show_last("")
    print(table(results))
    if json:
        json.write_text(to_json(results))
    if plot:
        save_png(plot, chart(results))
    if neighbours:
        save_png(neighbours, results["neighbours"])
    return 0
