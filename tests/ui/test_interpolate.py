"""What the tab Interpolate promises to those who call it, and what it shows and gives away."""

import base64
import io
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image
from serving import SlowEngine, swept

import ddim
from ddim.cli import pictures as commands
from ddim.cli.main import main
from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.plane import Place, sample_at
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, playback
from ddim.media.animation import SUFFIXES
from ddim.media.embedded import read
from ddim.media.images import to_uint8
from ddim.ui import export, live_view
from ddim.ui import settings as all_settings
from ddim.ui.tabs.interpolate.explorer import DRAFT_STEPS, draft_config, explored
from ddim.ui.tabs.interpolate.settings import add_stop, read_corners, read_stops

SIDE = 8
WALK = {
    **{"seeds": "3,8", "frames": 5, "loop": False, "interpolation": "slerp", "easing": "linear"},
    **{"num_steps": 3, "solver": "ddim", "node_placement": "reference", "max_signal_rate": 0.95},
}
SAMPLING = [3, "ddim", "reference", 0.02, 0.95, "", 1]


@pytest.fixture
def settings(settings_of_tabs):
    return settings_of_tabs["interpolate"]


@pytest.fixture(scope="module")
def handlers(served):
    """What the page calls, by name: planes have no public name."""
    return {function.name: function.fn for function in served[2].fns.values()}


@pytest.fixture(scope="module")
def plane(handlers, weights):
    """The last values of a plane of 3 x 3 pictures."""
    *_, last = handlers["make_plane"]("1,2,3,4", 3, weights, *SAMPLING)
    return last


def walk_recipe(model, config, stops, walk):
    return Recipe("interpolate", Weights.of(model), config, stops, walk=walk)


def recipe_at(model, config, corners, coordinates):
    return Recipe("sample", Weights.of(model), config, place=Place(tuple(corners), coordinates)).to_json()


def pictures_of(sheet, factor=1):
    pixels = np.asarray(Image.open(sheet))[::factor, ::factor]
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    return pixels.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)


def difference(images, others):
    return np.abs(images.astype(int) - others.astype(int)).max()


def test_the_walk_takes_its_parameters_by_name_and_planes_are_private(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert [parameter["parameter_name"] for parameter in endpoints["/interpolate"]["parameters"]] == [
        *("seeds", "frames", "loop", "interpolation", "easing"),
        *("weights", "num_steps", "solver", "node_placement", "min_signal_rate", "max_signal_rate"),
        *("class_name", "guidance"),
    ]
    assert not [name for name in endpoints if "plane" in name or "point" in name]


def test_the_last_result_begins_and_ends_with_the_seeds_own_pictures_and_holds_the_recipe(client, model, weights):
    sheet, recipe, *_ = client.predict(**WALK, weights=weights, api_name="/interpolate")
    frames, own = pictures_of(sheet), ddim.generate(model, seeds=[3, 8], num_steps=3)
    assert difference(frames[[0, 4]], own) <= 1
    assert difference(frames[2], own[0]) > 10
    assert recipe == walk_recipe(model, SampleConfig(num_steps=3), [3, 8], WalkConfig(frames=5)).to_json()
    assert read(sheet) == recipe
    assert Path(sheet).name == "ddim-interpolate-seeds3-8-3steps.png"


def test_each_step_is_reported(client, weights, monkeypatch):
    monkeypatch.setattr(live_view, "SECONDS_BETWEEN_VIEWS", 0.0)
    job = client.submit(**WALK, weights=weights, api_name="/interpolate")
    job.result(timeout=60)
    statuses = [output[3].split("<")[0].strip() for output in job.outputs()]
    assert statuses[:-1] == [f"Step {n} of 3" for n in (1, 2, 3)]
    assert statuses[-1].startswith("5 frames with 3 network evaluations each in ")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seeds": "3"}, "This needs 2 to 8 seeds, but there is only 1."),
        ({"seeds": "1-9"}, "The list of seeds has at most 8 entries, but this one has more."),
        ({"seeds": "0-999"}, "The list of seeds has at most 8 entries, but this one has more."),
        ({"seeds": ""}, "The list of seeds is empty: write it as 1,2,5 or as 1-20."),
        ({"seeds": None}, "'None' does not belong in a list of seeds: write it as 1,2,5 or as 1-20."),
        ({"seeds": 3}, "This needs 2 to 8 seeds, but there is only 1."),
        ({"seeds": "three,<b>"}, "'three' does not belong in a list of seeds: write it as 1,2,5 or as 1-20."),
        ({"seeds": "3,4294967296"}, "The seeds lie between 0 and 4294967295, but the list has '4294967296'."),
        ({"seeds": "1-8", "frames": 300}, "animation has at most 512: up to 73 frames a leg would fit."),
        ({"seeds": "1-8", "frames": 300, "loop": True}, "animation has at most 512: up to 64 frames a leg would fit."),
        ({"frames": "NaN"}, "Frames from stop to stop must be a whole number from 2 to 512, but is 'NaN'."),
        ({"frames": 1}, "Frames from stop to stop must be a whole number from 2 to 512, but is 1."),
        ({"frames": 2.5}, "Frames from stop to stop must be a whole number from 2 to 512, but is 2.5."),
        ({"loop": "round"}, "This is either true or false, but is 'round'."),
        ({"interpolation": "cubic"}, "interpolation must be one of slerp, lerp, but is 'cubic'."),
        ({"easing": None}, "easing must be one of linear, smooth, but is None."),
        ({"num_steps": 0}, "Steps must be a whole number from 1 to 100, but is 0."),
        ({"solver": "magic"}, "solver must be one of ddim, heun, ab2, ab3, ab4, dpmpp2m, unipc, but is 'magic'."),
        ({"weights": "/etc/passwd"}, "No weights are called 'passwd'."),
    ],
)
def test_a_wrong_walk_is_one_clear_sentence(client, weights, wrong, sentence):
    with pytest.raises(AppError) as error:
        client.predict(**{**WALK, "weights": weights, **wrong}, api_name="/interpolate")
    assert sentence in str(error.value)
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize(
    ("seeds", "size", "sentence"),
    [
        ("1,2,3", 3, "A plane has 4 seeds as its corners, but 3 were given."),
        ("1-5", 3, "A plane has 4 seeds as its corners, but 5 were given."),
        ("1-9", 3, "The list of seeds has at most 8 entries, but this one has more."),
        ("1,2,3,x", 3, "'x' does not belong in a list of seeds"),
        ("1-4", 17, "Rows and columns must be a whole number from 2 to 16, but is 17."),
        ("1-4", 1, "Rows and columns must be a whole number from 2 to 16, but is 1."),
        ("1-4", "nan", "Rows and columns must be a whole number from 2 to 16, but is 'nan'."),
    ],
)
def test_a_wrong_plane_is_one_clear_sentence(handlers, weights, seeds, size, sentence):
    with pytest.raises(UserError, match=sentence):
        next(handlers["make_plane"](seeds, size, weights, *SAMPLING))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(-0.1, "is -0.1"), (1.001, "is 1.001"), ("NaN", "is 'NaN'"), (None, "is empty"), ("left", "is 'left'")],
)
def test_a_point_beside_the_plane_is_one_clear_sentence(handlers, weights, wrong, told):
    for across, down, name in ((wrong, 0.5, "Across"), (0.5, wrong, "Down")):
        with pytest.raises(UserError, match=f"{name} must be a number from 0 to 1, but {told}."):
            handlers["show_chosen"](across, down, "1-4", weights, *SAMPLING)
    with pytest.raises(UserError, match="A plane has 4 seeds as its corners, but 2 were given."):
        handlers["show_chosen"](0.5, 0.5, "3,8", weights, *SAMPLING)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_walk_is_taken_away_as_the_command_makes_it(handlers, model, weights, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(commands, "load", lambda name, precision: model)  # loading takes seconds
    *_, last = handlers["interpolate_seeds"]("3,8,21", 4, True, "lerp", "smooth", weights, *SAMPLING)
    (tmp_path / "page").mkdir()
    path = export.save_made(last.made, tmp_path / "page", suffix, replace(playback(WalkConfig(loop=True)), factor=2))
    assert path.name == f"ddim-interpolate-seeds3-8-21-3steps{suffix}"
    options = {"weights": weights, "seeds": "3,8,21", "frames": "4", "interpolation": "lerp", "easing": "smooth"}
    options |= {"num-steps": "3", "factor": "2", "output": str(tmp_path / f"command{suffix}")}
    assert main(["interpolate", "--loop", *(f"--{name}={value}" for name, value in options.items())]) == 0
    assert path.read_bytes() == (tmp_path / f"command{suffix}").read_bytes()


def test_the_file_begins_and_ends_with_the_seeds_own_pictures_each_with_its_recipe(handlers, model, weights, tmp_path):
    *_, last = handlers["interpolate_seeds"]("3,8", 5, False, "slerp", "linear", weights, *SAMPLING)
    path = export.save_made(last.made, tmp_path, ".zip", replace(playback(WalkConfig()), factor=1))
    zipfile.ZipFile(path).extractall(tmp_path)
    frames = [tmp_path / f"frame_{number:04}.png" for number in range(1, 6)]
    own = ddim.generate(model, seeds=[3, 8], num_steps=3)
    for frame, picture in ((frames[0], own[0]), (frames[4], own[1])):
        assert difference(np.asarray(Image.open(frame)), picture) <= 1
    *_, again = sample_at(model, read(frames[1])["noise"], num_steps=3)
    assert difference(np.asarray(Image.open(frames[1])), to_uint8(again.pred_images)[0]) <= 1


def test_a_plane_has_the_seeds_at_its_corners_and_each_picture_its_recipe(plane, model, tmp_path):
    pictures = pictures_of(plane.sheet, factor=43)
    assert difference(pictures[[0, 2, 6, 8]], ddim.generate(model, seeds=[1, 2, 3, 4], num_steps=3)) <= 1
    assert read(plane.sheet) == plane.recipe
    assert (plane.recipe["command"], plane.recipe["seeds"], plane.recipe["size"]) == ("plane", [1, 2, 3, 4], 3)
    path = export.save_made(plane.made, tmp_path, ".png", replace(playback(WalkConfig()), factor=1))
    assert path.name == "ddim-plane-seeds1to4-3steps.png"
    assert difference(pictures_of(path), pictures) == 0
    *_, again = sample_at(model, plane.made.frame_recipes[5].place, num_steps=3)
    assert difference(pictures[5], to_uint8(again.pred_images)[0]) <= 1


def test_a_point_of_the_plane_is_shown_and_its_file_tells_how_to_make_it_again(handlers, plane, model, settings):
    across, down = 0.25, 0.625
    view, recipe = handlers["show_explored"](plane.made, across, down)
    assert view.label == "Across 0.25, down 0.625"
    path = view.value["path"]
    assert recipe == read(path) == recipe_at(model, SampleConfig(num_steps=3), [1, 2, 3, 4], (across, down))
    *_, last = sample_at(model, recipe["noise"], num_steps=3)
    picture = np.asarray(Image.open(path))
    assert difference(picture, to_uint8(last.pred_images)[0]) <= 1

    values = all_settings.values_of(Recipe.from_json(recipe))
    kept, warnings = all_settings.read(settings, values, Path(recipe["weights"]).parent)
    assert not warnings
    names = ("num_steps", "solver", "node_placement", "min_signal_rate", "max_signal_rate", "class_name", "guidance")
    sampling = [kept[name] for name in names]
    chosen, same = handlers["show_chosen"](kept["across"], kept["down"], kept["seeds"], kept["weights"], *sampling)
    assert same == recipe
    assert difference(np.asarray(Image.open(chosen.value["path"])), picture) == 0


def test_a_point_of_a_plane_that_still_forms_is_one_clear_sentence(handlers):
    with pytest.raises(UserError, match="There is no finished plane"):
        handlers["show_explored"](None, 0.5, 0.5)
    assert handlers["show_draft"](None, 0.5, 0.5) == gr.skip()


def test_a_draft_is_the_picture_of_its_point_inside_the_page(handlers, plane, model):
    draft = handlers["show_draft"](plane.made, 0.25, 0.625)
    assert draft.endswith('data-across="0.25" data-down="0.625">')
    *_, last = sample_at(model, Place((1, 2, 3, 4), (0.25, 0.625)), num_steps=3)
    picture = Image.open(io.BytesIO(base64.b64decode(draft.partition("base64,")[2].partition('"')[0])))
    assert difference(np.asarray(picture), to_uint8(last.pred_images)[0]) <= 1
    with pytest.raises(UserError, match="Across must be a number from 0 to 1, but is 2."):
        handlers["show_draft"](plane.made, 2, 0.5)


def test_a_draft_never_takes_more_than_a_few_steps_and_keeps_what_was_asked_for():
    asked = SampleConfig(num_steps=90, solver="heun", min_signal_rate=0.1, guidance=2.0, class_name="rose")
    draft = draft_config(asked)
    assert (draft.num_steps, draft.solver) == (DRAFT_STEPS, "unipc")
    assert (draft.min_signal_rate, draft.guidance, draft.class_name) == (0.1, 2.0, "rose")
    assert draft_config(SampleConfig(num_steps=2)) == SampleConfig(num_steps=2)


def test_the_ring_is_on_its_own_plane_alone(plane, model):
    config = SampleConfig(num_steps=3)
    here = {"size": 3, "across": 0.5, "down": 1, "is_exact": True, "ring": True}
    assert explored(plane.made, recipe_at(model, config, [1, 2, 3, 4], (0.5, 1))) == here
    elsewhere = here | {"ring": False}
    assert explored(plane.made, recipe_at(model, config, [1, 2, 3, 5], (0.5, 1))) == elsewhere
    assert explored(plane.made, recipe_at(model, SampleConfig(num_steps=4), [1, 2, 3, 4], (0.5, 1))) == elsewhere
    assert explored(plane.made, walk_recipe(model, config, [3, 8], WalkConfig()).to_json()) is None
    assert explored(None, plane.recipe) is None


@pytest.mark.parametrize(
    ("held", "sent", "seeds"),
    [
        ("3,8", "21", "8,21"),
        ("8,21", "5", "21,5"),
        ("3,8,21", "5", "3,8,21,5"),
        ("1-7", "9", "1,2,3,4,5,6,7,9"),
        ("1-8", "9", "1,2,3,4,5,6,7,9"),
        ("3", "8", "3,8"),
        ("3,8", "7-9", "7,8,9"),
        ("anything", "7,9", "7,9"),
        ("3,8:rose", "7:tulip", "8:rose,7:tulip"),
        ("3", "7:tulip", "3,7:tulip"),
    ],
)
def test_a_picture_sent_here_becomes_the_last_stop_and_several_replace_all(held, sent, seeds):
    assert add_stop(held, sent) == seeds


def test_seeds_that_make_no_walk_are_refused():
    assert read_stops([3, 8]).seeds == (3, 8)
    assert read_corners("1-4").seeds == (1, 2, 3, 4)
    for wrong in ("3", "0-15", "here"):
        with pytest.raises(ValueError, match="seeds"):
            read_stops(wrong)
    for held, sent in (("anything", "7"), ("3,8", "here")):
        with pytest.raises(ValueError, match="seeds"):
            add_stop(held, sent)


def test_the_address_of_a_walk_brings_its_settings_back_and_eta_has_none(settings, model, weights):
    walk = WalkConfig(frames=7, loop=True, interpolation="lerp", easing="smooth")
    config = SampleConfig(num_steps=3, solver="unipc", min_signal_rate=0.1)
    recipe = walk_recipe(model, config, [3, 8, 21], walk)
    query = dict(parse_qsl(all_settings.address_of("interpolate", settings, recipe).removeprefix("?")))
    assert "eta" not in query and query["mode"] == "walk"
    kept, warnings = all_settings.read(settings, all_settings.told({**query, "eta": "1"}), Path(weights).parent)
    assert not warnings and "eta" not in kept
    told = asdict(walk) | {"seeds": "3,8,21", "mode": "walk", "num_steps": 3, "solver": "unipc", "min_signal_rate": 0.1}
    assert kept.items() >= told.items()


@pytest.mark.parametrize(
    "wrong", [{"mode": "fly"}, {"seeds": "3"}, {"size": "17"}, {"across": "nan"}, {"down": "2"}, {"loop": "maybe"}]
)
def test_what_an_address_may_not_ask_for_is_ignored_and_said(settings, weights, wrong):
    (name,) = wrong
    kept, warnings = all_settings.read(settings, all_settings.told({"seeds": "1,2,3,4", **wrong}), Path(weights).parent)
    assert name not in kept
    assert warnings == [f"Ignored: {name}. These settings have values that are not possible here."]


def test_no_walk_and_no_sheet_of_it_stays_for_ever(served, client, weights, monkeypatch):
    monkeypatch.setattr(live_view, "SECONDS_BETWEEN_VIEWS", 0.0)
    folder = Path(served[2].GRADIO_CACHE)
    swept(served[2])
    before = set(folder.rglob("*.png"))
    client.predict(**{**WALK, "seeds": "5,6"}, weights=weights, api_name="/interpolate")
    assert len(set(folder.rglob("*.png")) - before) >= 5  # a sheet for each step, all frames, and the film
    swept(served[2])
    assert set(folder.rglob("*.png")) <= before


def test_cancelling_a_walk_stops_within_one_step(client, weights, monkeypatch):
    engine = SlowEngine(monkeypatch)
    job = client.submit(**{**WALK, "num_steps": 60}, weights=weights, api_name="/interpolate")
    engine.wait_for(num_images=5, calls=4)
    job.cancel()
    assert engine.has_stopped(num_images=5)
    assert engine.calls(num_images=5) < 30
