"""The commands compare, interpolate and animate: what the tabs of these names make, without a browser."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ddim import checkpoints, compare, interpolate
from ddim.animate import MAX_IMAGES, animate, check_film, frame_of
from ddim.animation import SUFFIXES, ExportConfig, check_size, file_name, save_animation
from ddim.between_seeds import check_eta
from ddim.engine import PRECISIONS
from ddim.images import to_uint8
from ddim.noise import seed_range
from ddim.number_lists import parse_seeds, parse_step_counts
from ddim.options import add_options, configuration_from
from ddim.recipes import recipe_of_file
from ddim.sampling import SampleConfig
from ddim.terminal import show, show_last

NUM_IMAGES = 6


def add_compare(commands, weights: str) -> None:
    parser = commands.add_parser(
        "compare",
        help="numbers of steps, solvers or weights side by side",
        description="The same seeds with several numbers of steps: a .png is a grid, others have a frame for each, "
        f"{compare.FRAMES_PER_SECOND} a second by default.",
    )
    parser.set_defaults(command=_compare)
    _add_common(parser, weights)
    _add_seeds(parser)
    parser.add_argument("--num-steps", default="1,2,5,10,20", metavar="N,N-N,...", help="Default: 1,2,5,10,20.")
    parser.add_argument("--solvers", default="ddim", metavar="NAME,...", help="Default: ddim.")
    parser.add_argument("--against", metavar="NAME", help="Second weights, for the same seeds. Default: none.")
    add_options(parser, SampleConfig, without=("num_steps", "solver"))
    add_options(parser, ExportConfig)


def _compare(
    weights: str, against: str | None, precision: str, output: Path | None, num_steps: str, solvers: str, **options
) -> int:
    seeds, step_counts = _seeds_of(options, compare.MAX_SEEDS), parse_step_counts(num_steps)
    solver_names = tuple(dict.fromkeys(solvers.split(",")))
    names = list(dict.fromkeys([weights, against or weights]))
    settings = _given(SampleConfig, options)
    export = compare.playback(**_given(ExportConfig, options))
    compare.check_comparison(seeds, step_counts, solver_names, len(names))
    for solver in solver_names:
        SampleConfig(solver=solver, **settings)
    output = output or Path(file_name("compare", seeds, step_counts, ".png"))
    models = {name: checkpoints.load(name, precision) for name in names}
    num_cells, shape = len(step_counts) * len(solver_names) * len(models), models[weights].image_shape
    compare.check_file(output, step_counts, num_cells, (len(seeds), *shape), export)
    cells = []
    for cell in compare.compare(models, seeds, step_counts, solver_names, **settings):
        show(f"row {len(cells) + 1}/{num_cells}: evaluation {cell.nfe}/{cell.config.nfe}")
        if cell.is_finished:
            cells.append(cell)
    recipe = compare.recipe_of_comparison(models, seeds, step_counts, solver_names, **settings)
    compare.save_comparison(output, cells, seeds, export, recipe)
    show_last(f"{output}: {len(seeds)} seeds, {num_cells} rows, 1 to {cells[-1].nfe} network evaluations each")
    return 0


def add_interpolate(commands, weights: str) -> None:
    parser = commands.add_parser(
        "interpolate", help="walk from seed to seed", description="A walk from seed to seed, a picture for each place."
    )
    parser.set_defaults(command=_interpolate)
    _add_common(parser, weights)
    parser.add_argument("--seeds", required=True, metavar="N,N,...", help="The stops of the walk, 2 to 8.")
    for configuration in (interpolate.WalkConfig, SampleConfig, ExportConfig):
        add_options(parser, configuration)


def _interpolate(weights: str, precision: str, output: Path | None, seeds: str, **options) -> int:
    stops, walk = parse_seeds(seeds, 2, interpolate.MAX_STOPS), configuration_from(interpolate.WalkConfig, options)
    num_frames = len(interpolate.places_of(len(stops), walk))
    settings = _given(SampleConfig, options)
    export = interpolate.playback(walk, **_given(ExportConfig, options))
    config = SampleConfig(**settings)
    check_eta(config)
    output = output or Path(file_name("interpolate", stops, config.num_steps, ".gif"))
    model = checkpoints.load(weights, precision)
    check_size(output, num_frames, *model.image_shape[:2], export)
    for step in interpolate.interpolate(model, stops, walk, **settings):
        show(f"step {step.index + 1}/{config.num_steps}")
    config = model.sample_config(**settings)
    recipe = interpolate.recipe_of_walk(model, config, stops, walk)
    frame_recipes = interpolate.recipes_of_frames(model, config, stops, walk)
    save_animation(output, to_uint8(step.pred_images), export, recipe, frame_recipes)
    show_last(f"{output}: {num_frames} frames between {len(stops)} seeds, {step.nfe} network evaluations each")
    return 0


def add_animate(commands, weights: str) -> None:
    parser = commands.add_parser(
        "animate",
        help="film the reverse diffusion",
        description="Pictures on their way out of noise: noisy above, and below what the network sees in them.",
    )
    parser.set_defaults(command=_animate)
    _add_common(parser, weights)
    _add_seeds(parser)
    for configuration in (SampleConfig, ExportConfig):
        add_options(parser, configuration)


def _animate(weights: str, precision: str, output: Path | None, **options) -> int:
    seeds, settings = _seeds_of(options, MAX_IMAGES), _given(SampleConfig, options)
    export, config = configuration_from(ExportConfig, options), SampleConfig(**settings)
    check_film(seeds, config)
    output = output or Path(file_name("animate", seeds, config.num_steps, ".gif"))
    model = checkpoints.load(weights, precision)
    height, width, _ = model.image_shape
    check_size(output, config.num_steps, 2 * height, len(seeds) * width, export)
    frames = []
    for step in animate(model, seeds, **settings):
        show(f"step {step.index + 1}/{config.num_steps}")
        frames.append(frame_of(step))
    recipe = recipe_of_file("animate", model, model.sample_config(**settings), seeds)
    save_animation(output, np.stack(frames), export, recipe)
    show_last(f"{output}: {len(frames)} frames of {len(seeds)} pictures, {step.nfe} network evaluations each")
    return 0


def _add_common(parser: argparse.ArgumentParser, weights: str) -> None:
    parser.add_argument("--weights", default=weights, metavar="NAME", help=f"Name, path or run. Default: {weights}.")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="Of the network. Default: auto.")
    endings = ", ".join(SUFFIXES)
    parser.add_argument(
        "--output", type=_output, metavar="FILE", help=f"Ends in {endings}. Default: a name that tells what is inside."
    )


def _output(text: str) -> Path:
    if Path(text).suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(SUFFIXES)}, but is {text}")
    return Path(text)


def _add_seeds(parser: argparse.ArgumentParser) -> None:
    absent = {"default": argparse.SUPPRESS}
    parser.add_argument("--seed", type=int, metavar="N", help="Picture i has seed N + i. Default: 0.", **absent)
    parser.add_argument("--num-images", type=int, metavar="N", help=f"How many. Default: {NUM_IMAGES}.", **absent)
    parser.add_argument("--seeds", metavar="N,N,...", help="In place of --seed and --num-images.", **absent)


def _seeds_of(options: dict[str, Any], at_most: int) -> tuple[int, ...]:
    if "seeds" in options:
        if options.keys() & {"seed", "num_images"}:
            raise ValueError("Give either --seeds, or --seed and --num-images.")
        return parse_seeds(options["seeds"], 1, at_most)
    num_images = options.get("num_images", NUM_IMAGES)
    if num_images > at_most:
        raise ValueError(f"--num-images must be from 1 to {at_most} here, but is {num_images}.")
    return tuple(seed_range(options.get("seed", 0), num_images))


def _given(configuration: type, options: dict[str, Any]) -> dict[str, Any]:
    """The options that are fields of this configuration."""
    return {field.name: options[field.name] for field in fields(configuration) if field.name in options}
