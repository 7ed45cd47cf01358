from dataclasses import replace

import numpy as np
import pytest
from commands import assert_refused, listed_options, run
from decoding import decode, gif_blocks, webp_chunks
from PIL import Image
from tiny_runs import run_python

from ddim.making.compare import PLAYBACK, Comparison, Contender, compare, frames_of
from ddim.making.film import animate, frame_of
from ddim.making.generate import generate
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate
from ddim.media.animation import ExportConfig, save_animation
from ddim.media.embedded import read
from ddim.media.images import to_uint8
from ddim.model.weights import load, save

SAMPLING = "weights precision output solver eta variance node-placement min-signal-rate max-signal-rate num-steps "
SAMPLING += "class-name guidance"
EXPORT = "frames-per-second hold-first hold-last repeat enlargement factor lossless"
OPTIONS = {
    "compare": f"{SAMPLING} {EXPORT} seed num-images seeds solvers against guidances class-names".replace(
        " solver ", " "
    ),
    "interpolate": f"{SAMPLING} {EXPORT} seeds frames loop interpolation easing",
    "animate": f"{SAMPLING} {EXPORT} seed num-images seeds",
}


@pytest.fixture(scope="module")
def model(tiny_weights):
    return load(tiny_weights, "float32")


def made(capfd, command, weights, output, *options):
    code, lines = run(capfd, command, "--weights", weights, "--precision", "float32", "--output", output, *options)
    assert (code, len(lines)) == (0, 1), lines
    assert str(output) in lines[0]
    return output


@pytest.mark.parametrize("command", OPTIONS)
def test_help_lists_every_option(capsys, command):
    assert listed_options(capsys, command) == set(OPTIONS[command].split())


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4", ".png", ".zip"])
def test_animate_makes_the_same_bytes_as_python(capfd, tmp_path, tiny_weights, model, suffix):
    options = ("--seed", "7", "--num-images", "2", "--num-steps", "3", "--eta", "1", "--factor", "2")
    film = made(capfd, "animate", tiny_weights, tmp_path / f"a{suffix}", *options)
    config = model.sample_config(num_steps=3, eta=1.0)
    frames = np.stack([frame_of(step) for step in animate(model, [7, 8], config)])
    recipe = Recipe("animate", Weights.of(model), config, [7, 8])
    save_animation(tmp_path / f"b{suffix}", frames, ExportConfig(factor=2), recipe.to_json())
    assert film.read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_interpolate_makes_the_same_bytes_as_python(capfd, tmp_path, tiny_weights, model):
    options = ("--seeds", "3,8", "--frames", "4", "--num-steps", "3", "--loop", "--interpolation", "lerp")
    film = made(capfd, "interpolate", tiny_weights, tmp_path / "a.webp", *options)
    walk = WalkConfig(frames=4, loop=True, interpolation="lerp")
    config = model.sample_config(num_steps=3)
    *_, last = interpolate(model, [3, 8], walk, config)
    recipe = Recipe("interpolate", Weights.of(model), config, [3, 8], walk=walk)
    export = ExportConfig(hold_first=0, hold_last=0)
    save_animation(tmp_path / "b.webp", to_uint8(last.pred_images), export, recipe.to_json())
    assert film.read_bytes() == (tmp_path / "b.webp").read_bytes()
    assert webp_chunks(film)[1] == [50] * 8


def test_a_loop_holds_a_frame_if_told(capfd, tmp_path, tiny_weights):
    options = ("--seeds", "3,8", "--frames", "2", "--num-steps", "1", "--loop", "--hold-last", "0.7")
    film = made(capfd, "interpolate", tiny_weights, tmp_path / "loop.webp", *options)
    assert webp_chunks(film)[1] == [50, 50, 50, 700]


def test_compare_animates_numbers_of_steps(capfd, tmp_path, tiny_weights, model):
    options = ("--num-steps", "1-3", "--seeds", "3,8", "--solvers", "ddim,unipc", "--factor", "6")
    film = made(capfd, "compare", tiny_weights, tmp_path / "c.webp", *options)
    contenders = {tiny_weights: Contender(model, model.sample_config())}
    steps = compare(Comparison(contenders, [3, 8], [1, 2, 3], ["ddim", "unipc"]))
    frames = frames_of([cell for cell in steps if cell.is_finished], [3, 8], replace(PLAYBACK, factor=6))
    np.testing.assert_array_equal(decode(film, *frames.shape[1:3]), frames)
    assert read(film)["num_steps"] == [1, 2, 3]


def test_compare_draws_a_grid_and_two_weights(capfd, tmp_path, tiny_weights, tiny_model):
    save(tiny_model, tmp_path / "second")
    options = ("--num-steps", "2,1", "--num-images", "3", "--against", tmp_path / "second")
    sheet = made(capfd, "compare", tiny_weights, tmp_path / "c.png", *options)
    recipe = read(sheet)
    assert (recipe["command"], recipe["seeds"], recipe["num_steps"]) == ("compare", [0, 1, 2], [1, 2])
    assert [other["weights"] for other in recipe["against"]] == [str(tmp_path / "second")]


def test_without_output_the_name_tells_what_is_inside(capfd, tmp_path, monkeypatch, tiny_weights):
    monkeypatch.chdir(tmp_path)
    common = ("--weights", tiny_weights, "--precision", "float32", "--factor", "1")
    run(capfd, "animate", *common, "--seed", "7", "--num-images", "1", "--num-steps", "2")
    run(capfd, "interpolate", *common, "--seeds", "3,8", "--frames", "2", "--num-steps", "2")
    run(capfd, "compare", *common, "--seeds", "5", "--num-steps", "1-3")
    names = [
        "ddim-animate-seed7-2steps.gif",
        "ddim-compare-seed5-1to3steps.png",
        "ddim-interpolate-seeds3-8-2steps.gif",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_export_options_reach_the_file(capfd, tmp_path, tiny_weights):
    options = ("--num-images", "1", "--num-steps", "3", "--frames-per-second", "10", "--hold-first", "0.2")
    more = ("--hold-last", "0.4", "--no-repeat", "--enlargement", "lanczos", "--factor", "3")
    film = made(capfd, "animate", tiny_weights, tmp_path / "a.gif", *options, *more)
    assert gif_blocks(film) == ((48, 24), [200, 100, 400], None, False)


WRONG = {
    "compare --num-steps 5-1": "'5-1' runs backwards: write 1-5",
    "compare --num-steps ,": "is empty",
    "compare --num-steps many": "'many' does not belong",
    "compare --num-steps nan": "'nan' does not belong",
    "compare --num-steps 1-1000": "at most 50",
    "compare --solvers ddim,euler": "solver must be one of",
    "compare --solvers unipc --eta 1": "eta must be 0",
    "compare --solvers unipc:first": "node_placement must be one of",
    "compare --solvers unipc,unipc:inclusive": "some are named twice",
    "compare --num-images 17": "1 to 16",
    "compare --seeds 0-999": "at most 16",
    "compare --seeds 3 --seed 4": "either --seeds, or",
    "compare --num-steps 1-50 --solvers ddim,heun,ab2": "1 to 100 rows, but 150",
    "compare --against roses": "No weights are called 'roses'",
    "interpolate": "--seeds",
    "interpolate --seeds 3": "2 to 8 seeds, but there is only 1",
    "interpolate --seeds 1,2,3,4,5,6,7,8 --frames 300": "up to 73 frames a leg would fit",
    "interpolate --seeds 1-9": "at most 8",
    "interpolate --seeds rose,lily": "'rose' does not belong",
    "interpolate --seeds 3,8 --frames 1": "frames must be",
    "interpolate --seeds 3,8 --eta 0.5": "Between seeds eta must be 0",
    "interpolate --seeds 3,8 --eta nan": "eta must be between 0 and 1",
    "interpolate --seeds 3,8 --interpolation cubic": "--interpolation",
    "animate --num-images 13": "1 to 12",
    "animate --num-images 0": "at least 1",
    "animate --seed 4294967295": "do not fit",
    "animate --num-steps 600": "up to 512, but 600",
    "animate --num-steps nan": "--num-steps",
    "animate --output film.avi": "must end in .gif",
    "animate --factor 0": "factor must be",
    "animate --hold-last nan": "hold_last must be",
    "animate --frames-per-second 60": "frames_per_second must be",
    "animate --enlargement cubic": "--enlargement",
    "animate --weights roses": "No weights are called 'roses'",
}


@pytest.mark.parametrize("wrong, because", WRONG.items())
def test_a_wrong_value_is_refused_in_one_line(capfd, tmp_path, monkeypatch, wrong, because):
    monkeypatch.chdir(tmp_path)
    assert_refused(capfd, *wrong.split(), because=because)
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_too_large_is_refused_before_it_is_sampled(capfd, tmp_path, monkeypatch, tiny_weights):
    monkeypatch.setattr("ddim.cli.pictures.film.animate", None)
    arguments = ("--num-steps", "500", "--factor", "16", "--output", tmp_path / "film.png")
    assert_refused(capfd, "animate", "--weights", tiny_weights, *arguments, because="can be enlarged by")


def test_a_wrong_value_waits_for_no_network():
    program = """if True:
        import sys
        from ddim.cli.main import main
        wrong = ["compare --num-steps 5-1", "interpolate --seeds 3,8 --eta 1", "animate --num-images 13"]
        print([main(arguments.split()) for arguments in wrong], {"keras", "tensorflow"} & sys.modules.keys())"""
    assert run_python("-c", program).strip() == "[2, 2, 2] set()"


def test_sample_shows_each_class_once_out_of_one_noise(capfd, tmp_path, species_model):
    save(species_model, tmp_path / "species")
    output = tmp_path / "classes.png"
    options = ("--seed", "3", "--num-steps", "3", "--each-class", "--rows", "1", "--output", output)
    code, lines = run(capfd, "sample", "--weights", tmp_path / "species", "--precision", "float32", *options)
    assert (code, len(lines)) == (0, 1)
    assert "seed 3 as each of 3 classes" in lines[0]
    sheet = np.asarray(Image.open(output)).astype(int)
    model = load(tmp_path / "species", "float32")
    for place, name in enumerate(("rose", "sunflower", "tulip")):
        own = generate(model, [3], num_steps=3, class_name=name)[0]
        assert np.abs(sheet[:, 8 * place : 8 * place + 8] - own).max() <= 1


def test_a_command_makes_pictures_of_a_class_with_guidance(capfd, tmp_path, species_model):
    save(species_model, tmp_path / "species")
    options = ("--class-name", "Rose", "--guidance", "2.5", "--num-images", "1", "--num-steps", "3")
    output = made(capfd, "sample", tmp_path / "species", tmp_path / "rose.png", *options)
    own = generate(load(tmp_path / "species", "float32"), [0], num_steps=3, class_name="rose", guidance=2.5)[0]
    assert np.abs(np.asarray(Image.open(output)).astype(int) - own).max() <= 1
    assert (read(output)["class_name"], read(output)["guidance"]) == ("Rose", 2.5)


def test_a_walk_of_the_command_goes_from_class_to_class(capfd, tmp_path, species_model):
    save(species_model, tmp_path / "species")
    options = ("--seeds", "3:rose,8:tulip", "--frames", "3", "--num-steps", "3")
    film = made(capfd, "interpolate", tmp_path / "species", tmp_path / "walk.webp", *options)
    assert (read(film)["seeds"], read(film)["class_names"]) == ([3, 8], ["rose", "tulip"])


def test_classes_and_guidance_are_compared_side_by_side(capfd, tmp_path, species_model):
    save(species_model, tmp_path / "species")
    options = ("--class-names", "rose,tulip", "--guidances", "1,2", "--num-steps", "2", "--seeds", "3")
    output = made(capfd, "compare", tmp_path / "species", tmp_path / "compare.png", *options)
    recipe = read(output)
    assert (recipe["class_names"], recipe["guidances"]) == (["rose", "tulip"], [1.0, 2.0])
