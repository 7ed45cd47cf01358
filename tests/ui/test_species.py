"""Weights with classes on the page: asked for by name, by picture, in every tab, and brought back."""

from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

import ddim
from ddim.making.generate import generate_each_class
from ddim.making.plane import Place
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate
from ddim.media.embedded import read
from ddim.media.images import grid, save_png, to_uint8
from ddim.model.weights import save
from ddim.ui import beside, snippets, species
from ddim.ui import settings as all_settings
from ddim.ui.models import class_names_of, own_settings

WAY = {"num_steps": 3, "solver": "ddim", "node_placement": "reference"}


@pytest.fixture
def asked(species_weights):
    return {**WAY, "weights": species_weights, "max_signal_rate": 0.999, "class_name": "Tulip", "guidance": 1.5}


@pytest.fixture
def flowers(species_weights):
    return ddim.load(species_weights)


def pixels_of(entry):
    return np.asarray(Image.open(entry["image"])).astype(int)


def test_pictures_show_the_species_asked_for_and_their_recipe_tells_it(client, flowers, asked):
    gallery, recipe, *_ = client.predict(seed=7, num_images=2, **asked, api_name="/generate")
    expected = ddim.generate(flowers, seeds=[7, 8], num_steps=3, class_name="tulip", guidance=1.5)
    for entry, image in zip(gallery, expected, strict=True):
        assert np.abs(pixels_of(entry) - image).max() <= 1
    assert (recipe["class_name"], recipe["guidance"]) == ("Tulip", 1.5)
    assert read(gallery[1]["image"])["class_name"] == "Tulip"


def test_without_a_wish_each_seed_draws_its_species(client, flowers, asked):
    gallery, recipe, *_ = client.predict(seed=7, num_images=2, **{**asked, "class_name": ""}, api_name="/generate")
    expected = ddim.generate(flowers, seeds=[7, 8], num_steps=3, guidance=1.5)
    assert max(np.abs(pixels_of(entry) - image).max() for entry, image in zip(gallery, expected, strict=True)) <= 1
    assert "class_name" not in recipe


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"class_name": "sunflowr"}, "These weights know no class 'sunflowr'. Near it are: sunflower."),
        ({"guidance": 5.5}, "Guidance must be a number from 0 to 5, but is 5.5."),
        ({"guidance": "NaN"}, "Guidance must be a number from 0 to 5, but is 'NaN'."),
    ],
)
def test_a_wrong_wish_is_one_clear_sentence(client, asked, wrong, sentence):
    with pytest.raises(AppError) as error:
        client.predict(seed=7, num_images=1, **{**asked, **wrong}, api_name="/generate")
    assert sentence in str(error.value)


def test_weights_without_classes_say_that_they_know_none(client, asked, weights):
    with pytest.raises(AppError, match="knows no classes to ask for or be guided by"):
        client.predict(seed=7, num_images=1, **{**asked, "weights": weights}, api_name="/generate")


def test_a_walk_goes_from_species_to_species(client, flowers, asked):
    request = {**asked, "class_name": "", "seeds": "3:rose, 8:tulip", "frames": 4}
    sheet, recipe, *_ = client.predict(**request, api_name="/interpolate")
    config = flowers.sample_config(num_steps=3, guidance=1.5)
    *_, last = interpolate(flowers, [3, 8], WalkConfig(frames=4), config, ("rose", "tulip"))
    frames = np.asarray(Image.open(sheet)).astype(int)
    assert np.abs(frames - grid(to_uint8(last.pred_images), frames.shape[1] // 8)).max() <= 1
    assert recipe["class_names"] == ["rose", "tulip"]


def test_species_and_guidance_are_axes_of_a_comparison(client, flowers, asked):
    request = {name: value for name, value in asked.items() if name not in ("class_name", "guidance", "solver")}
    request |= {"seeds": "7", "num_steps": "3", "solvers": ["ddim"], "class_names": "rose,tulip", "guidances": "1,2"}
    gallery, recipe, table, *_ = client.predict(**request, api_name="/compare_steps")
    assert (recipe["class_names"], recipe["guidances"]) == (["rose", "tulip"], [1, 2])
    assert table.count("<tr>") == 1 + 4 and ">Rose<" in table and "guidance 2" in table
    for entry in gallery:
        told = read(entry["image"])
        settings = {"num_steps": 3, "class_name": told["class_name"], "guidance": told.get("guidance", 1.0)}
        image = ddim.generate(flowers, [7], **settings)
        assert np.abs(pixels_of(entry) - image[0]).max() <= 1


def test_other_weights_bring_their_own_guidance(species_weights, weights):
    assert own_settings(species_weights)["guidance"] == 2.0
    assert own_settings(weights)["guidance"] == 1.0
    assert class_names_of(species_weights) == ["sunflower", "rose", "tulip"]  # the most frequent first


def test_an_address_without_guidance_has_that_of_its_weights_in_every_tab(settings_of_tabs, species_weights):
    runs_dir = Path(species_weights).parent
    for tab, name, own in (
        ("generate", "guidance", 2.0),
        ("interpolate", "guidance", 2.0),
        ("compare", "guidances", "2"),
    ):
        kept, _ = all_settings.read(settings_of_tabs[tab], {"weights": species_weights}, runs_dir)
        assert kept[name] == own


def recipes(model):
    config = model.sample_config(num_steps=3, class_name="rose", guidance=1.5)
    of_none = model.sample_config(num_steps=3)
    weights, classes = Weights.of(model), ("rose", None, "tulip", "rose")
    return {
        "generate": Recipe("sample", weights, config, [7], is_sheet=True),
        "animate": Recipe("animate", weights, config, [3, 8]),
        "interpolate": Recipe("interpolate", weights, of_none, [3, 8], ("rose", None), walk=WalkConfig(frames=4)),
        "plane": Recipe("plane", weights, config, [1, 2, 3, 4], classes, size=2),
        "place": Recipe("sample", weights, config, place=Place((1, 2, 3, 4), (0.25, 0.5), class_names=classes)),
    }


@pytest.mark.parametrize("kind", ["generate", "animate", "interpolate", "plane", "place"])
def test_an_address_brings_species_and_guidance_back(settings_of_tabs, flowers, species_weights, kind):
    recipe = recipes(flowers)[kind]
    tab = kind if kind in settings_of_tabs else "interpolate"
    address = all_settings.address_of(tab, settings_of_tabs[tab], recipe)
    told = all_settings.told(dict(parse_qsl(address.removeprefix("?"))))
    kept, warnings = all_settings.read(settings_of_tabs[tab], told, Path(species_weights).parent)
    assert not warnings
    assert (kept.get("class_name", "") or None, kept["guidance"]) == (recipe.config.class_name, recipe.config.guidance)
    stops = {"interpolate": "3:rose,8", "plane": "1:rose,2,3:tulip,4:rose", "place": "1:rose,2,3:tulip,4:rose"}
    assert kept.get("seeds") == stops.get(kind, kept.get("seeds"))


@pytest.mark.parametrize("kind", ["generate", "plane", "place"])
def test_the_python_shown_makes_the_picture_of_the_species(flowers, kind):
    recipe, variables = recipes(flowers)[kind], {}
    exec(snippets.snippet_of(recipe), variables)
    for image, picture in zip(variables["images"], recipe.pictures() if kind != "place" else [recipe], strict=True):
        if picture.place:
            *_, last = ddim.sample_at(flowers, picture.place, picture.config)
            expected = to_uint8(last.pred_images)[0]
        else:
            expected = ddim.generate(flowers, picture.seeds, picture.config)[0]
        assert np.abs(image.astype(int) - expected).max() <= 1


def test_the_command_shown_names_the_species_of_each_stop(flowers):
    command = snippets.snippet_of(recipes(flowers)["interpolate"])
    assert "--seeds=3:rose,8" in command


def test_the_list_has_every_species_once_in_the_order_of_the_sheet(species_weights):
    shown = species.show(species_weights)
    names = [part.split('"')[0] for part in shown.split('data-name="')[1:]]
    assert names == ["rose", "sunflower", "tulip"]
    assert "background-image" not in shown


def test_each_species_has_its_own_part_of_the_sheet(flowers, tmp_path, monkeypatch):
    for module in (ddim.model.weights, beside):
        monkeypatch.setattr(module, "WEIGHTS_DIR", tmp_path)
    save(flowers, tmp_path / "flowers")
    images = generate_each_class(flowers, 0, flowers.sample_config(num_steps=3))
    save_png(tmp_path / "flowers.classes.png", grid(images))
    shown = species.show("flowers")
    assert f"url('{beside.address_of('flowers', beside.SPECIES)}')" in shown and str(tmp_path) not in shown
    assert [part.split(";")[0].split('"')[0] for part in shown.split("background-position: ")[1:]] == [
        "0.000% 0.000%",
        "100.000% 0.000%",
        "0.000% 100.000%",
    ]
    own = ddim.generate(flowers, [0], num_steps=3, class_name="sunflower")[0]
    assert np.abs(images[1].astype(int) - own).max() <= 4  # in bfloat16, another batch


def test_weights_without_classes_have_no_list(weights):
    assert species.show(weights) == "" and species.show("nothing") == ""
