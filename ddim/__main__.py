"""The command line: python -m ddim sample | compare | interpolate | animate | train | evaluate.

`python -m ddim COMMAND --help` says what each option does.
"""

import argparse
import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from ddim.animation_commands import add_animate, add_compare, add_interpolate
from ddim.checkpoints import load
from ddim.engine import PRECISIONS
from ddim.evaluate import EvaluateConfig, chart, evaluate, table, to_json
from ddim.images import grid, save_png, to_uint8
from ddim.noise import seed_range
from ddim.options import add_options, configuration_from
from ddim.sampling import MAX_NUM_IMAGES, SampleConfig, recipe_of, sample
from ddim.terminal import OneLineParser, show, show_last
from ddim.train import PRESETS, TrainConfig, train

FLOWERS = "flowers64"


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code; a wrong value is 2, with one line that says what would be right."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets at length
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        return command(**options)
    except (ValueError, OSError) as error:
        show_last(f"ddim: {error}")
        return 2
    except FloatingPointError as error:
        show_last(f"ddim: {error}")
        return 1
    except KeyboardInterrupt:
        show_last("")
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m ddim", description="Pictures out of noise, and how to learn it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_sample(commands)
    add_compare(commands, FLOWERS)
    add_interpolate(commands, FLOWERS)
    add_animate(commands, FLOWERS)
    _add_train(commands)
    _add_evaluate(commands)
    return parser


def _add_sample(commands) -> None:
    parser = commands.add_parser("sample", help="make pictures", description="Make pictures and save them as a grid.")
    parser.set_defaults(command=_sample)
    parser.add_argument("--weights", default=FLOWERS, metavar="NAME", help=f"Name, path or run. Default: {FLOWERS}.")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="Of the network. Default: auto.")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="Picture i has seed N + i. Default: 0.")
    parser.add_argument("--num-images", type=int, default=16, metavar="N", help="How many pictures. Default: 16.")
    parser.add_argument("--rows", type=int, metavar="N", help="Rows of the grid. Default: as in a square.")
    parser.add_argument("--output", type=Path, default=Path("ddim.png"), metavar="FILE", help="Default: ddim.png.")
    add_options(parser, SampleConfig)


def _sample(
    weights: str, precision: str, seed: int, num_images: int, rows: int | None, output: Path, **settings
) -> int:
    if num_images > MAX_NUM_IMAGES:
        raise ValueError(f"One command makes 1 to {MAX_NUM_IMAGES} pictures, but {num_images} were asked for.")
    if rows is not None and not 1 <= rows <= num_images:
        raise ValueError(f"The grid can have 1 to {num_images} rows, but {rows} were asked for.")
    if output.suffix.lower() != ".png":
        raise ValueError(f"--output must end in .png, but is {output}.")
    configuration_from(SampleConfig, settings)
    seeds = seed_range(seed, num_images)
    model = load(weights, precision)
    config = model.sample_config(**settings)
    for step in sample(model, seeds, **settings):
        show(f"step {step.index + 1}/{config.num_steps}")
    columns = -(-num_images // rows) if rows else None
    recipe = {**recipe_of(model, config, seed), "num_images": num_images}
    save_png(output, grid(to_uint8(step.pred_images), columns), recipe)
    show_last(f"{output}: {num_images} pictures, seeds {seed} to {seeds[-1]}, {step.nfe} network evaluations each")
    return 0


def _add_train(commands) -> None:
    parser = commands.add_parser(
        "train", help="train weights", description="Train weights of one's own. Everything lands in RUNS_DIR/RUN."
    )
    parser.set_defaults(command=_train)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), metavar="FOLDER", help="Default: runs.")
    parser.add_argument("--run", default=f"{datetime.now():%Y-%m-%d-%H%M%S}", metavar="NAME", help="Default: the time.")
    parser.add_argument("--resume", action="store_true", help="Go on with RUN from its last checkpoint, as it began.")
    parser.add_argument("--preset", choices=PRESETS, default="tutorial", help="Where defaults come from.")
    add_options(parser, TrainConfig)


def _train(runs_dir: Path, run: str, resume: bool, preset: str, **options) -> int:
    folder = runs_dir / run
    if resume and not (folder / "config.json").exists():
        raise ValueError(f"There is no run {folder} to resume.")
    if (folder / "checkpoints").exists() and not resume:
        raise ValueError(f"The run {folder} exists: resume it with --resume, or choose another name with --run.")
    if resume and options:
        raise ValueError("A resumed run keeps its own options: give only --run, --runs-dir and --resume.")
    if resume:
        config = TrainConfig.from_json(json.loads((folder / "config.json").read_text()))
    else:
        config = configuration_from(TrainConfig, {**PRESETS[preset], **options})
    stopped_by = train(config, folder, show)
    show_last(f"{folder}: {'stopped, go on with --resume' if stopped_by else 'finished'}")
    return 128 + signal.SIGINT if stopped_by == signal.SIGINT else 0


def _add_evaluate(commands) -> None:
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


def _evaluate(json: Path | None, plot: Path | None, neighbours: Path | None, **options) -> int:
    results = evaluate(configuration_from(EvaluateConfig, options), show)
    show_last("")
    print(table(results))
    if json:
        json.write_text(to_json(results))
    if plot:
        save_png(plot, chart(results))
    if neighbours:
        save_png(neighbours, results["neighbours"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
