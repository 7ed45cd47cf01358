"""The commands sample, compare, interpolate and animate: what the tabs of the page make, without a browser."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ddim.cli.terminal import output_file, show, show_last
from ddim.configuration import add_options, from_options, given, numbers
from ddim.diffusion.noise import parse_seeds, seed_range
from ddim.diffusion.sampling import SampleConfig, parse_step_counts
from ddim.errors import UserError
from ddim.making import compare, film, walk
from ddim.making.generate import MAX_NUM_IMAGES, generate_each_class, sample
from ddim.making.plane import check_eta, parse_stops
from ddim.making.recipe import Recipe, Weights
from ddim.media.animation import SUFFIXES, ExportConfig, check_size, file_name, save_animation
from ddim.media.images import grid, save_png, to_uint8
from ddim.model.engine import PRECISIONS, EnginePrecision
from ddim.model.weights import load

FLOWERS = "flowers64"
NUM_IMAGES = 6


def add_sample(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser("sample", help="make pictures", description="Make pictures and save them as a grid.")
    parser.set_defaults(command=_sample)
    _add_weights(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="Picture i has seed N + i. Default: 0.")
    parser.add_argument("--num-images", type=int, default=16, metavar="N", help="How many pictures. Default: 16.")
    parser.add_argument("--rows", type=int, metavar="N", help="Rows of the grid. Default: about square.")
    parser.add_argument("--each-class", action="store_true", help="The picture of one seed once for each class.")
    output = parser.add_argument("--output", type=output_file(".png"), default=Path("ddim.png"), metavar="FILE")
    output.help = "Default: ddim.png."
    add_options(parser, SampleConfig)


def _sample(
    weights: str,
    precision: EnginePrecision,
    seed: int,
    num_images: int,
    rows: int | None,
    each_class: bool,
    output: Path,
    **settings: Any,
) -> int:
    if num_images > MAX_NUM_IMAGES:
        raise UserError(f"One command makes 1 to {MAX_NUM_IMAGES} pictures, but {num_images} were asked for.")
    if rows is not None and not 1 <= rows <= num_images:
        raise UserError(f"The grid can have 1 to {num_images} rows, but {rows} were asked for.")
    SampleConfig(**settings)  # what is wrong is reported before anything is loaded
    seeds = seed_range(seed, num_images)
    model = load(weights, precision)
    config = model.sample_config(**settings)
    if each_class:
        images = generate_each_class(model, seed, config)
        save_png(output, grid(images, -(-len(images) // rows) if rows else None))
        show_last(f"{output}: seed {seed} as each of {len(images)} classes")
        return 0
    for step in sample(model, seeds, config):
        show(f"step {step.index + 1}/{config.num_steps}")
    columns = -(-num_images // rows) if rows else None
    recipe = Recipe("sample", Weights.of(model), config, seeds, is_sheet=True)
    save_png(output, grid(to_uint8(step.pred_images), columns), recipe.to_json())
    show_last(f"{output}: {num_images} pictures, seeds {seed} to {seeds[-1]}, {step.nfe} network evaluations each")
    return 0


def add_compare(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "compare",
        help="numbers of steps, solvers or weights side by side",
        description="The same seeds with several numbers of steps: a .png is a grid, others have a frame for each, "
        f"{compare.PLAYBACK.frames_per_second} a second by default.",
    )
    parser.set_defaults(command=_compare)
    _add_weights(parser)
    _add_output(parser)
    _add_seeds(parser)
    parser.add_argument("--num-steps", default="1,2,5,10,20", metavar="N,N-N,...", help="Default: 1,2,5,10,20.")
    solvers = parser.add_argument("--solvers", default="ddim", metavar="NAME,...")
    solvers.help = "Each with --node-placement or, as in unipc:inclusive, one of its own. Default: ddim."
    parser.add_argument("--against", metavar="NAME", help="Second weights, for the same seeds. Default: none.")
    parser.add_argument("--class-names", metavar="NAME,...", help="Classes side by side. Default: --class-name.")
    parser.add_argument("--guidances", type=numbers, default=(), metavar="X,...", help="Default: --guidance.")
    add_options(parser, SampleConfig, without=("num_steps", "solver"))
    add_options(parser, ExportConfig)


def _compare(
    weights: str,
    against: str | None,
    precision: EnginePrecision,
    output: Path | None,
    num_steps: str,
    solvers: str,
    class_names: str | None,
    guidances: tuple[float, ...],
    **options: Any,
) -> int:
    seeds, step_counts = _seeds_of(options, compare.MAX_SEEDS), parse_step_counts(num_steps)
    solver_names, node_placements = _solvers_of(solvers)
    names = list(dict.fromkeys([weights, against or weights]))
    settings, export = given(SampleConfig, options), replace(compare.PLAYBACK, **given(ExportConfig, options))
    classes = [name.strip() for name in class_names.split(",")] if class_names else []
    compare.check_comparison(
        seeds, step_counts, solver_names, len(names) * max(1, len(classes)) * max(1, len(guidances))
    )
    for solver in solver_names:
        placement = {"node_placement": node_placements[solver]} if solver in node_placements else {}
        SampleConfig(**settings | placement, solver=solver)
    output = output or Path(file_name("compare", seeds, step_counts, ".png"))
    models = {name: load(name, precision) for name in names}
    contenders = {name: compare.Contender(model, model.sample_config(**settings)) for name, model in models.items()}
    comparison = compare.Comparison(contenders, seeds, step_counts, solver_names, guidances, classes, node_placements)
    num_cells, shape = len(comparison.plan()), (len(seeds), *models[weights].image_shape)
    compare.check_file(output, step_counts, num_cells, shape, export)
    cells: list[compare.Cell] = []
    for cell in compare.compare(comparison):
        show(f"row {len(cells) + 1}/{num_cells}: evaluation {cell.nfe}/{cell.config.nfe}")
        if cell.is_finished:
            cells.append(cell)
    compare.save_comparison(output, cells, seeds, export, Recipe.of_comparison(comparison).to_json())
    show_last(f"{output}: {len(seeds)} seeds, {num_cells} rows, 1 to {cells[-1].nfe} network evaluations each")
    return 0


def add_interpolate(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "interpolate", help="walk from seed to seed", description="A walk from seed to seed, a picture for each place."
    )
    parser.set_defaults(command=_interpolate)
    _add_weights(parser)
    _add_output(parser)
    parser.add_argument(
        "--seeds",
        required=True,
        metavar="N,N,...",
        help="The stops of the walk, 2 to 8, such as 3,8 or, each with a class, 3:rose,8:sunflower.",
    )
    for configuration in (walk.WalkConfig, SampleConfig, ExportConfig):
        add_options(parser, configuration)


def _interpolate(weights: str, precision: EnginePrecision, output: Path | None, seeds: str, **options: Any) -> int:
    (stops, class_names), way = parse_stops(seeds, 2, walk.MAX_STOPS), from_options(walk.WalkConfig, options)
    num_frames = len(walk.places_of_walk(stops, way))
    settings, export = given(SampleConfig, options), replace(walk.playback(way), **given(ExportConfig, options))
    config = SampleConfig(**settings)
    check_eta(config)
    output = output or Path(file_name("interpolate", stops, config.num_steps, ".gif"))
    model = load(weights, precision)
    check_size(output, num_frames, *model.image_shape[:2], export)
    config = model.sample_config(**settings)
    for step in walk.interpolate(model, stops, way, config, class_names):
        show(f"step {step.index + 1}/{config.num_steps}")
    recipe = Recipe("interpolate", Weights.of(model), config, stops, class_names, walk=way)
    frame_recipes = [picture.to_json() for picture in recipe.pictures()]
    save_animation(output, to_uint8(step.pred_images), export, recipe.to_json(), frame_recipes)
    show_last(f"{output}: {num_frames} frames between {len(stops)} seeds, {step.nfe} network evaluations each")
    return 0


def add_animate(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser(
        "animate",
        help="film the reverse diffusion",
        description="Pictures on their way out of noise: noisy above, and below what the network sees in them.",
    )
    parser.set_defaults(command=_animate)
    _add_weights(parser)
    _add_output(parser)
    _add_seeds(parser)
    for configuration in (SampleConfig, ExportConfig):
        add_options(parser, configuration)


def _animate(weights: str, precision: EnginePrecision, output: Path | None, **options: Any) -> int:
    seeds, settings = _seeds_of(options, film.MAX_IMAGES), given(SampleConfig, options)
    export, config = from_options(ExportConfig, options), SampleConfig(**settings)
    film.check_film(seeds, config)
    output = output or Path(file_name("animate", seeds, config.num_steps, ".gif"))
    model = load(weights, precision)
    config = model.sample_config(**settings)
    height, width, _ = model.image_shape
    check_size(output, config.num_steps, 2 * height, len(seeds) * width, export)
    frames = []
    for step in film.animate(model, seeds, config):
        show(f"step {step.index + 1}/{config.num_steps}")
        frames.append(film.frame_of(step))
    recipe = Recipe("animate", Weights.of(model), config, seeds)
    save_animation(output, np.stack(frames), export, recipe.to_json())
    show_last(f"{output}: {len(frames)} frames of {len(seeds)} pictures, {step.nfe} network evaluations each")
    return 0


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", default=FLOWERS, metavar="NAME", help=f"Name, path or run. Default: {FLOWERS}.")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="The network's. Default: auto.")


def _add_output(parser: argparse.ArgumentParser) -> None:
    endings = ", ".join(SUFFIXES)
    parser.add_argument(
        "--output",
        type=output_file(*SUFFIXES),
        metavar="FILE",
        help=f"Ends in {endings}. Default: a name that says what is inside.",
    )


def _add_seeds(parser: argparse.ArgumentParser) -> None:
    absent: dict[str, Any] = {"default": argparse.SUPPRESS}
    parser.add_argument("--seed", type=int, metavar="N", help="Picture i has seed N + i. Default: 0.", **absent)
    parser.add_argument("--num-images", type=int, metavar="N", help=f"How many. Default: {NUM_IMAGES}.", **absent)
    parser.add_argument("--seeds", metavar="N,N,...", help="In place of --seed and --num-images.", **absent)


def _solvers_of(text: str) -> tuple[tuple[Any, ...], dict[Any, Any]]:
    """Names of solvers, and the node placement of those that have one of their own."""
    ways = [way.partition(":") for way in dict.fromkeys(text.split(","))]
    names = tuple(name for name, *_ in ways)
    if len(set(names)) < len(names):
        raise UserError(f"Each solver can be compared with one node placement, but some are named twice: {text}.")
    return names, {name: placement for name, _, placement in ways if placement}


def _seeds_of(options: Mapping[str, Any], at_most: int) -> tuple[int, ...]:
    if "seeds" in options:
        if options.keys() & {"seed", "num_images"}:
            raise UserError("Give either --seeds, or --seed and --num-images.")
        return parse_seeds(options["seeds"], 1, at_most)
    num_images = options.get("num_images", NUM_IMAGES)
    if num_images > at_most:
        raise UserError(f"--num-images must be from 1 to {at_most} here, but is {num_images}.")
    return tuple(seed_range(options.get("seed", 0), num_images))
