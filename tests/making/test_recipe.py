"""A recipe is the JSON that stands in files since version 1.0, and comes back from it as it was."""

import json

import pytest

from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.compare import Comparison, Contender
from ddim.making.generate import generate, sample
from ddim.making.plane import Place, sample_at, sample_plane
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate, places_of_walk

WEIGHTS = Weights("roses", "0123abcd")
CONFIG = SampleConfig(num_steps=7, solver="unipc", node_placement="inclusive")
HOW = {
    **{"num_steps": 7, "solver": "unipc", "eta": 0.0, "variance": "posterior", "node_placement": "inclusive"},
    **{"min_signal_rate": 0.02, "max_signal_rate": 0.95},
}
WHOSE = {"weights": "roses", "sha256": "0123abcd"}
WALK = {"frames": 12, "loop": True, "interpolation": "lerp", "easing": "linear"}
NOISE = {"seeds": [3, 8], "coordinates": [0.25], "interpolation": "lerp"}
COMPARED = {"num_steps": [7, 20], "solvers": ["unipc", "ab2"], "against": [{"weights": "lilies", "sha256": "4567"}]}

OF_EACH_KIND = {
    "a picture": (Recipe("sample", WEIGHTS, CONFIG, [5]), {**WHOSE, "seed": 5, **HOW}),
    "a sheet": (
        Recipe("sample", WEIGHTS, CONFIG, [5, 6, 7], is_sheet=True),
        {**WHOSE, "seed": 5, **HOW, "num_images": 3},
    ),
    "a sheet of one": (
        Recipe("sample", WEIGHTS, CONFIG, [5], is_sheet=True),
        {**WHOSE, "seed": 5, **HOW, "num_images": 1},
    ),
    "a film": (
        Recipe("animate", WEIGHTS, CONFIG, [3, 8]),
        {"command": "animate", **WHOSE, "seeds": [3, 8], **HOW},
    ),
    "a walk": (
        Recipe("interpolate", WEIGHTS, CONFIG, [3, 8], walk=WalkConfig(**WALK)),
        {"command": "interpolate", **WHOSE, "seeds": [3, 8], **HOW, **WALK},
    ),
    "a plane": (
        Recipe("plane", WEIGHTS, CONFIG, [1, 2, 3, 4], size=5),
        {"command": "plane", **WHOSE, "seeds": [1, 2, 3, 4], **HOW, "size": 5},
    ),
    "a place": (
        Recipe("sample", WEIGHTS, CONFIG, place=Place((3, 8), (0.25,), "lerp")),
        {"command": "sample", **WHOSE, **HOW, "noise": NOISE},
    ),
    "a comparison": (
        Recipe(
            "compare",
            WEIGHTS,
            CONFIG,
            [3, 8],
            step_counts=[7, 20],
            solvers=["unipc", "ab2"],
            against=[Weights("lilies", "4567")],
        ),
        {"command": "compare", **WHOSE, "seeds": [3, 8], **{k: v for k, v in HOW.items() if k != "solver"}, **COMPARED},
    ),
}


ASKED = SampleConfig(class_name="rose", guidance=1.5)
WITH_CLASSES = {
    "a picture": (Recipe("sample", WEIGHTS, ASKED, [5]), {"class_name": "rose", "guidance": 1.5}),
    "a walk": (
        Recipe("interpolate", WEIGHTS, ASKED, [3, 8], ["rose", None], walk=WalkConfig(**WALK)),
        {"class_name": "rose", "guidance": 1.5, "class_names": ["rose", None]},
    ),
    "a plane": (Recipe("plane", WEIGHTS, CONFIG, [1, 2], ["a", "b"], size=5), {"class_names": ["a", "b"]}),
    "a comparison": (
        Recipe("compare", WEIGHTS, CONFIG, [3], ["a", "b"], step_counts=[7], solvers=["unipc"], guidances=[1, 2]),
        {"class_names": ["a", "b"], "guidances": [1, 2]},
    ),
}


@pytest.mark.parametrize("kind", WITH_CLASSES)
def test_a_recipe_with_classes_and_guidance_tells_them_and_comes_back(kind):
    recipe, told = WITH_CLASSES[kind]
    assert told.items() <= recipe.to_json().items()
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))).to_json() == recipe.to_json()


def test_each_picture_of_a_walk_from_class_to_class_comes_back_from_its_own_recipe(species_model):
    walk, config = WalkConfig(frames=3), species_model.sample_config(num_steps=3, guidance=2.0)
    recipe = Recipe("interpolate", Weights.of(species_model), config, [3, 8], ["rose", "tulip"], walk=walk)
    *_, last = interpolate(species_model, [3, 8], walk, config, ["rose", "tulip"])
    for image, picture in zip(last.pred_images, recipe.pictures(), strict=True):
        again = Recipe.from_json(json.loads(json.dumps(picture.to_json())))
        *_, one = sample_at(species_model, again.place, again.config)
        assert abs(one.pred_images[0] - image).max() < 1 / 255


@pytest.mark.parametrize("kind", OF_EACH_KIND)
def test_a_recipe_is_the_json_of_version_1_0_to_the_letter_and_comes_back(kind):
    recipe, told = OF_EACH_KIND[kind]
    assert json.dumps(recipe.to_json()) == json.dumps(told)
    assert Recipe.from_json(json.loads(json.dumps(told))) == recipe


def test_a_recipe_of_before_an_option_was_there_has_its_default():
    told = {name: value for name, value in OF_EACH_KIND["a picture"][1].items() if name != "variance"}
    assert Recipe.from_json(told) == OF_EACH_KIND["a picture"][0]


def test_the_recipe_of_a_comparison_is_that_of_its_first_weights_steps_and_solver(tiny_model):
    contenders = {name: Contender(tiny_model, SampleConfig(eta=0.5)) for name in ("roses", "lilies")}
    told = Recipe.of_comparison(Comparison(contenders, (3, 8), (2, 5), ("ddim",))).to_json()
    assert (told["num_steps"], told["solvers"], told["eta"]) == ([2, 5], ["ddim"], 0.5)
    assert [other["weights"] for other in told["against"]] == ["lilies"]


def test_each_picture_of_a_film_a_sheet_a_walk_and_a_plane_has_a_recipe_of_its_own(tiny_model):
    def finished(steps):
        *_, last = steps
        return last.pred_images

    config, weights = SampleConfig(num_steps=2), Weights.of(tiny_model)
    for command, more in (("sample", {"is_sheet": True}), ("animate", {})):
        recipes = Recipe(command, weights, config, [5, 6], **more).pictures()
        assert [recipe.to_json()["seed"] for recipe in recipes] == [5, 6]
        assert (generate(tiny_model, recipes[1].seeds, recipes[1].config) == generate(tiny_model, [6], config)).all()

    walk = WalkConfig(frames=3, loop=True)
    made = finished(interpolate(tiny_model, [3, 8], walk, config))
    recipes = Recipe("interpolate", weights, config, [3, 8], walk=walk).pictures()
    assert [recipe.place for recipe in recipes] == places_of_walk([3, 8], walk)
    assert abs(finished(sample_at(tiny_model, recipes[4].place, config))[0] - made[4]).max() < 1 / 255

    made = finished(sample_plane(tiny_model, [1, 2, 3, 4], 2, config))
    recipes = Recipe("plane", weights, config, [1, 2, 3, 4], size=2).pictures()
    assert abs(finished(sample_at(tiny_model, recipes[2].place, config))[0] - made[2]).max() < 1 / 255
    assert abs(made[2] - finished(sample(tiny_model, [3], config))[0]).max() < 1 / 255


DAMAGED = [
    {},
    {"seed": 7},
    {**WHOSE, **HOW},
    {**WHOSE, "seed": "x", **HOW},
    {**WHOSE, "seed": -1, **HOW},
    {**WHOSE, "seed": 5, **HOW, "num_images": 10**12},
    {**WHOSE, "seed": 5, **HOW, "num_images": "x"},
    {**WHOSE, "seed": 5, **HOW, "solver": "magic"},
    {**WHOSE, "seed": 5, **HOW, "num_steps": [[]]},
    {**WHOSE, "command": "train", "run": "roses"},
    {**WHOSE, "command": ["sample"]},
    {**WHOSE, "command": "animate", "seeds": 7, **HOW},
    {**WHOSE, "command": "interpolate", "seeds": [3, 8], **HOW, "frames": "x"},
    {**WHOSE, "command": "compare", "seeds": [3, 8], **HOW, "solvers": [], "against": []},
    {**WHOSE, "command": "compare", "seeds": [3, 8], **HOW, "num_steps": 5, "solvers": ["ddim"], "against": [7]},
    {**WHOSE, **HOW, "noise": {"seeds": [3], "coordinates": [0.5], "interpolation": "slerp"}},
    {**WHOSE, **HOW, "noise": 7},
]


FOREIGN = [
    {"seed": "7", "steps": 30, "sampler": "dpmpp_2m", "prompt": "rose", "version": "Fooocus v2.5"},
    {"seed": 7, **HOW},
    {"weights": "roses", "seed": 7, **HOW},
    {"weights": 7, "sha256": None, "seed": 7, **HOW},
    {"weights": ["roses"], "sha256": "0123abcd", "seed": 7, **HOW},
    {},
]


@pytest.mark.parametrize("told", FOREIGN, ids=lambda told: str(told)[:40])
def test_settings_of_another_program_are_told_from_ours_by_the_weights_that_ours_name(told):
    with pytest.raises(UserError, match="^This was not made here: recipes of ours name weights, and the checksum"):
        Recipe.from_json(told)


ENDLESS = 10**4000
HUGE = [
    {**WHOSE, "seed": ENDLESS, **HOW},
    {**WHOSE, "seed": 5, **HOW, "num_images": ENDLESS},
    {**WHOSE, "seed": 5, **HOW, "num_steps": ENDLESS},
    {**WHOSE, "seed": 5, **HOW, "eta": ENDLESS},
    {**WHOSE, "seed": 5, **HOW, "guidance": ENDLESS},
    {**WHOSE, "seed": 5, **HOW, "min_signal_rate": ENDLESS},
    {**WHOSE, "seed": 5, **HOW, "solver": "x" * 100_000},
    {**WHOSE, "seed": 5, "command": ["x" * 100_000], **HOW},
    {**WHOSE, **HOW, "noise": {**NOISE, "coordinates": [ENDLESS]}},
    {**WHOSE, **HOW, "noise": {**NOISE, "interpolation": "x" * 100_000}},
    {**WHOSE, "command": "interpolate", "seeds": [3, 8], **HOW, **WALK, "frames": -ENDLESS},
    {**WHOSE, "command": "compare", "seeds": [3], **HOW, **COMPARED, "against": [{"weights": "x", "sha256": ENDLESS}]},
]


@pytest.mark.parametrize("told", HUGE, ids=lambda told: str(list(told))[-60:])
def test_what_is_endless_in_a_recipe_is_refused_in_a_short_sentence(told):
    with pytest.raises(UserError) as error:
        Recipe.from_json(told)
    assert str(error.value).endswith(".") and len(str(error.value)) < 200


@pytest.mark.parametrize("told", DAMAGED, ids=lambda told: str(told)[-60:])
def test_what_is_no_recipe_is_refused_in_a_sentence(told):
    with pytest.raises(UserError) as error:
        Recipe.from_json(told)
    assert str(error.value).endswith(".")
