"""Settings come back from addresses, recipes and other tabs, and what cannot be is said."""

from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
import pytest
from serving import settings_of

import app
import ddim
from ddim.cli.main import main
from ddim.diffusion.noise import parse_seeds
from ddim.diffusion.sampling import SampleConfig
from ddim.making.compare import Comparison, Contender
from ddim.making.plane import Place
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig
from ddim.media.embedded import read
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.weights import find, load, read_card, save
from ddim.ui import reproduce, snippets
from ddim.ui import settings as all_settings
from ddim.ui.controls import sampling_controls
from ddim.ui.models import student_of
from ddim.ui.presets import PRESETS, fast_button

SAMPLINGS = [
    {},
    {"solver": "unipc", "node_placement": "inclusive"},
    {"eta": 1.0, "variance": "large", "min_signal_rate": 0.1},
]


@pytest.fixture(scope="module")
def weights(tiny_model, tmp_path_factory):
    runs_dir = tmp_path_factory.mktemp("runs")
    save(tiny_model, runs_dir / "tiny" / "best")
    return (runs_dir / "tiny").as_posix()


@pytest.fixture(scope="module")
def model(weights):
    return load(weights)


@pytest.fixture(scope="module")
def settings(weights):
    return settings_of(Path(weights).parent)


def recipe_of_some(model, **settings):
    return Recipe("sample", Weights.of(model), model.sample_config(num_steps=3, **settings), [7, 8], is_sheet=True)


def recipe_of(model, command, seeds, config=None, **more):
    return Recipe(command, Weights.of(model), config or model.sample_config(), seeds, **more)


def recipe_of_comparison(models, *what, **settings):
    contenders = {name: Contender(model, model.sample_config(**settings)) for name, model in models.items()}
    return Recipe.of_comparison(Comparison(contenders, *what))


def brought_back(recipe, settings, weights):
    """The settings that the address of a recipe brings back, without a word of warning."""
    tab = all_settings.tab_of(recipe)
    query = dict(parse_qsl(all_settings.address_of(tab, settings[tab], recipe).removeprefix("?")))
    assert query.pop("tab") == tab
    kept, warnings = all_settings.read(settings[tab], all_settings.told(query), Path(weights).parent)
    assert warnings == []
    return kept


def test_an_address_that_tells_a_solver_or_eta_means_what_a_command_with_them_means(settings, weights):
    for told, way in (
        ({"eta": "0.5"}, {"solver": "ddim", "eta": 0.5, "node_placement": "reference"}),
        ({"solver": "ab2"}, {"solver": "ab2", "eta": 0, "node_placement": "reference"}),
        ({"solver": "ab2", "node_placement": "inclusive"}, {"solver": "ab2", "eta": 0, "node_placement": "inclusive"}),
        ({"num_steps": "5"}, {"num_steps": 5}),
    ):
        assert all_settings.read(settings["generate"], told, Path(weights).parent) == (way, [])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_python_shown_makes_the_pictures(model, sampling):
    recipe, variables = recipe_of_some(model, **sampling), {}
    exec(snippets.snippet_of(recipe), variables)
    assert (variables["images"] == ddim.generate(model, [7, 8], recipe.config)).all()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_address_of_a_recipe_brings_its_settings_back(model, weights, settings, sampling):
    recipe = recipe_of_some(model, **sampling)
    kept = brought_back(recipe, settings, weights)
    told = recipe.to_json()
    assert kept.pop("guidance") == 1  # which is told only where it is not
    assert SampleConfig().to_json() | kept == {name: told[name] for name in told if name != "sha256"}


def test_the_address_of_an_animation_brings_its_seeds_back(model, weights, settings):
    recipe = recipe_of(model, "animate", (3, 8, 21), model.sample_config(num_steps=5, eta=1.0))
    kept = brought_back(recipe, settings, weights)
    assert (kept["seeds"], kept["num_steps"], kept["eta"], kept["weights"]) == ("3,8,21", 5, 1.0, weights)


def test_the_address_of_a_walk_brings_it_back(model, weights, settings):
    walk = WalkConfig(frames=12, loop=True, interpolation="lerp", easing="smooth")
    recipe = recipe_of(model, "interpolate", (3, 8, 21), walk=walk)
    kept = brought_back(recipe, settings, weights)
    assert (kept["mode"], kept["seeds"]) == ("walk", "3,8,21")
    assert {name: kept[name] for name in asdict(walk)} == asdict(walk)


def test_the_address_of_a_place_on_the_plane_brings_it_back(model, weights, settings):
    recipe = recipe_of(model, "sample", (), place=Place((1, 2, 4, 3), (0.25, 1.0)))
    kept = brought_back(recipe, settings, weights)
    told = [kept[name] for name in ("mode", "seeds", "across", "down")]
    assert told == ["plane", "1,2,4,3", 0.25, 1.0]


def test_the_address_of_a_comparison_brings_its_lists_back(model, weights, settings):
    recipe = recipe_of_comparison({weights: model}, (3, 4, 5), (1, 2, 20), ("ddim", "unipc"))
    kept = brought_back(recipe, settings, weights)
    assert (kept["seeds"], kept["num_steps"], kept["solvers"]) == ("3-5", "1,2,20", ["ddim", "unipc"])


@pytest.fixture(scope="module")
def clearer(tiny_model, weights):
    """Weights beside the others that learned clearer pictures than those."""
    config = replace(tiny_model.config, max_signal_rate=0.99)
    clearer = DiffusionModel(config, tiny_model.network, tiny_model.normalizer)
    save(clearer, Path(weights).with_name("clearer") / "best")
    return Path(weights).with_name("clearer").as_posix()


def test_weights_bring_the_signal_rates_of_their_training(weights, clearer, settings):
    for name, rate in ((weights, 0.95), (clearer, 0.99)):
        kept, _ = all_settings.read(settings["generate"], {"weights": name}, Path(weights).parent)
        assert (kept["min_signal_rate"], kept["max_signal_rate"]) == (0.02, rate)


@pytest.fixture(scope="module")
def student(tiny_model, weights):
    """Weights that have learned to do with three steps."""
    place = Path(weights).with_name("student")
    save(tiny_model, place / "best", num_steps=3, solver="ddim", node_placement="reference", guidance=1.0)
    return place.as_posix()


def test_weights_that_need_few_steps_bring_them_to_every_tab(weights, student, settings):
    for tab, steps in (("generate", 3), ("animate", 3), ("compare", "3")):
        kept, _ = all_settings.read(settings[tab], {"weights": student}, Path(weights).parent)
        assert kept["num_steps"] == steps
        assert kept["node_placement"] == "reference"
    kept, _ = all_settings.read(settings["generate"], {"weights": student, "num_steps": "7"}, Path(weights).parent)
    assert (kept["num_steps"], kept["solver"]) == (7, "ddim")


@pytest.mark.parametrize(("name", "steps", "solver"), [("tiny", 10, "unipc"), ("student", 3, "ddim")])
def test_controls_begin_with_the_steps_that_weights_need(weights, student, name, steps, solver):
    first = Path(weights).with_name(name).as_posix()
    with gr.Blocks() as blocks:
        controls = sampling_controls(gr.Dropdown([first], value=first), PRESETS)
    assert (controls.fields["num_steps"].value, controls.fields["solver"].value) == (steps, solver)
    buttons = {block.value: block.visible for block in blocks.blocks.values() if isinstance(block, gr.Button)}
    assert buttons.get("Fast, 3 steps", False) == (name == "student")


def test_weights_with_a_student_have_a_button_that_changes_to_it():
    assert student_of("flowers64-species") == "flowers64-species-fast"
    assert student_of("flowers64") is None
    button = fast_button("flowers64-species")
    assert (button.value, button.visible) == ("Fast, 4 steps", True)
    assert not fast_button("flowers64").visible


def test_an_address_of_damaged_weights_is_answered_by_a_warning(tiny_model, weights, settings):
    damaged = Path(weights).with_name("damaged")
    save(tiny_model, damaged / "best")
    (damaged / "best.json").write_text("{")
    values = {"weights": damaged.as_posix(), "sha": "01234567"}
    kept, (warning,) = all_settings.read(settings["generate"], values, damaged.parent)
    assert kept == {"weights": damaged.as_posix()}
    assert "best.json is not JSON" in warning


@pytest.mark.parametrize(("rate", "told"), [(0.95, True), (0.99, False)])
def test_an_address_tells_signal_rates_other_than_those_of_the_training(weights, clearer, settings, rate, told):
    recipe = recipe_of_some(load(clearer), max_signal_rate=rate)
    assert ("max_signal_rate" in all_settings.address_of("generate", settings["generate"], recipe)) == told
    assert brought_back(recipe, settings, weights)["max_signal_rate"] == rate


@pytest.mark.parametrize("name", ["tiny", "clearer", "none", None])
def test_controls_begin_with_the_signal_rates_of_the_training(weights, clearer, name):
    first = name and Path(weights).with_name(name).as_posix()
    with gr.Blocks():
        controls = sampling_controls(gr.Dropdown([first] if first else [], value=first))
    rates = controls.fields["min_signal_rate"].value, controls.fields["max_signal_rate"].value
    assert rates == (0.02, 0.99 if name == "clearer" else 0.95)


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ({"num_steps": "0"}, "num_steps"),
        ({"num_steps": "101", "num_images": "x"}, "num_images, num_steps"),
        ({"seed": "nan"}, "seed"),
        ({"seed": "4294967296"}, "seed"),
        ({"solver": "<script>"}, "solver"),
        ({"weights": "../secret"}, "weights"),
        ({"solver": "unipc", "eta": "0.5"}, "solver, eta"),
        ({"seed": {"a": 1}, "num_steps": [[]], "eta": None}, "seed, num_steps, eta"),
    ],
)
def test_what_may_not_be_asked_for_is_ignored_and_said(weights, settings, query, ignored):
    kept, warnings = all_settings.read(settings["generate"], all_settings.told(query), Path(weights).parent)
    assert kept == {}
    assert warnings == [f"Ignored: {ignored}. These settings have values that are not possible here."]


def test_an_address_without_a_name_finds_its_weights_by_their_checksum(settings, weights):
    runs_dir = Path(weights).parent
    for name in (weights, "flowers64"):
        checksum = load(name).card["sha256"]
        kept, warnings = all_settings.read(settings["generate"], {"seed": "7", "sha": checksum[:8]}, runs_dir)
        assert (read_card(find(kept["weights"]))["sha256"], warnings) == (checksum, [])
    assert "weights" not in all_settings.read(settings["generate"], {"seed": "7"}, runs_dir)[0]


def test_settings_of_other_weights_say_so(model, weights, settings):
    runs_dir, checksum = Path(weights).parent, model.card["sha256"]
    assert all_settings.read(settings["generate"], {"weights": weights, "sha": checksum[:8]}, runs_dir)[1] == []
    _, (warning,) = all_settings.read(settings["generate"], {"weights": weights, "sha": "00000000"}, runs_dir)
    assert "are not those that were used" in warning


@pytest.mark.parametrize("destination", ["generate", "compare", "animate"])
def test_a_picture_goes_to_another_tab_with_its_seed_and_settings(model, weights, settings, destination):
    recipe = recipe_of(model, "sample", [42], model.sample_config(num_steps=7, solver="unipc"))
    kept, warnings = all_settings.read(settings[destination], all_settings.values_of(recipe), Path(weights).parent)
    assert warnings == []
    assert str(kept.get("seeds", kept.get("seed"))) == "42"
    assert str(kept["num_steps"]) == "7"
    assert kept.get("solver", kept.get("solvers")) in ("unipc", ["unipc"])
    assert kept["weights"] == weights


def test_pictures_sent_one_after_the_other_become_the_two_ends_of_a_walk(model, weights, settings):
    seeds = settings["interpolate"]["seeds"].control.value
    for seed in (42, 43):
        values = all_settings.values_of(recipe_of(model, "sample", [seed]))
        kept, warnings = all_settings.read(settings["interpolate"], values, Path(weights).parent, held={"seeds": seeds})
        assert warnings == []
        seeds = kept["seeds"]
    assert seeds == "42,43"


@pytest.mark.parametrize(("destination", "room"), [("compare", 16), ("interpolate", 8), ("animate", 12)])
def test_more_pictures_than_a_tab_has_room_for_are_taken_as_far_as_it_has(weights, settings, destination, room):
    values = all_settings.told({"seed": 5, "num_images": 40})
    held = {name: setting.control.value for name, setting in settings[destination].items()}
    kept, warnings = all_settings.read(settings[destination], values, Path(weights).parent, held)
    assert warnings == []
    assert parse_seeds(kept["seeds"], 1, 64) == tuple(range(5, 5 + room))


def test_who_asks_for_a_seed_gets_this_one_and_no_new_one(settings, weights):
    of_tab, runs_dir = settings["generate"], Path(weights).parent
    place = list(of_tab).index("new_seed")
    assert all_settings.updates_of(of_tab, {"seed": 0}, runs_dir)[place] is False
    assert all_settings.updates_of(of_tab, {"num_steps": 5}, runs_dir)[place] == gr.skip()


def test_seeds_in_a_row_are_told_in_the_form_of_each_tab():
    row = {"seeds": "3-5", "seed": 3, "num_images": 3}
    assert all_settings.told({"seed": 3, "num_images": 3}) == {**row, "mode": "walk"}
    assert all_settings.told({"seeds": [3, 4, 5]}) == row
    assert all_settings.told({"seeds": "3,9"}) == {"seeds": "3,9", "seed": 3, "num_images": 1}


def test_every_tab_but_its_own_can_be_sent_to(weights):
    with gr.Blocks():
        for name, tab in app.TABS.items():
            part = tab.build(Path(weights).parent)
            assert set(part.column.send) == app.TABS.keys() - {name} == reproduce.DESTINATIONS.keys() - {name}


def test_the_command_shown_is_understood_and_makes_the_same(model, weights, tmp_path):
    walk = WalkConfig(frames=4, loop=True)
    written = {
        "interpolate": recipe_of(model, "interpolate", (3, 8), model.sample_config(num_steps=2), walk=walk),
        "animate": recipe_of(model, "animate", (3, 8), model.sample_config(num_steps=3, eta=1.0)),
        "compare": recipe_of_comparison({weights: model}, (3, 8), (1, 2), ("ddim", "heun"), min_signal_rate=0.1),
    }
    of_nodes = replace(written["compare"], node_placements={"heun": "inclusive"})
    for command, recipe in [*written.items(), ("compare", of_nodes)]:
        words = snippets.snippet_of(recipe).replace("\\\n", " ").split()
        assert words[:4] == ["python", "-m", "ddim", command]
        # A command would take those of training, which may be others.
        assert {f"--min-signal-rate={recipe.config.min_signal_rate}", "--max-signal-rate=0.95"} <= set(words)
        file = tmp_path / f"{command}.webp"
        assert main([*words[3:], f"--output={file}"]) == 0
        assert read(file) == recipe.to_json()


def test_the_python_shown_makes_the_picture_of_a_place_and_the_plane(model):
    config = model.sample_config(num_steps=2)
    corners = {}
    exec(snippets.snippet_of(recipe_of(model, "plane", (1, 2, 4, 3), config, size=3)), corners)
    place = {}
    exec(snippets.snippet_of(recipe_of(model, "sample", (), config, place=Place((1, 2, 4, 3), (0.5, 1.0)))), place)
    assert corners["images"].shape[0] == 9
    assert abs(place["images"][0].astype(int) - corners["images"][7]).max() <= 1
