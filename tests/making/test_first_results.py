"""What ships to be shown first, read back from its files by other means than it was written with."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

import ddim
from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.compare import compare
from ddim.making.first_results import KINDS, comparison_of, read_first_result, save_first_results
from ddim.making.plane import Place
from ddim.making.recipe import Weights
from ddim.media.images import to_uint8
from ddim.model.weights import WEIGHTS_DIR, load, save


@pytest.fixture(scope="module")
def stem(tiny_model, tmp_path_factory):
    stem = tmp_path_factory.mktemp("weights") / "tiny"
    save(tiny_model, stem)
    save_first_results(str(stem))
    return stem


@pytest.fixture(scope="module")
def model(stem):
    return load(str(stem))


def near(images, others):
    """Whether pictures are the same but for what another batch changes."""
    return np.abs(images.astype(int) - others).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_result_is_a_lossless_sheet_with_its_recipe_in_it(stem, kind):
    recipe, pictures = read_first_result(stem, kind)
    path = stem.with_name(f"tiny.{kind}.webp")
    assert path.read_bytes()[12:16] in (b"VP8X", b"VP8L") and b"VP8L" in path.read_bytes()
    with Image.open(path) as sheet:
        told = json.loads(sheet.getexif()[ExifTags.Base.ImageDescription])
        pixels = np.asarray(sheet.convert("RGB"))
    assert told == recipe.to_json()
    columns = pixels.shape[1] // 8
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        assert np.array_equal(picture, pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8])
    assert len(pictures) == pixels.shape[0] * pixels.shape[1] // 64


def test_a_comparison_has_each_seed_in_the_order_of_the_plan(stem, model):
    recipe, pictures = read_first_result(stem, "compare")
    plan = comparison_of(recipe, model).plan()
    assert (recipe.seeds, recipe.step_counts, recipe.solvers) == ([0, 1, 2, 3], [2, 5, 10, 20], ["ddim", "unipc"])
    assert {config.node_placement for _, config in plan if config.solver == "unipc"} == {"inclusive"}
    for images, (_, config) in zip(pictures.reshape(-1, 4, 8, 8, 3), plan, strict=True):
        assert near(images, ddim.generate(model, range(4), config))


def test_a_walk_and_a_plane_have_the_pictures_of_their_places(stem, model):
    for kind, num_pictures in (("walk", 24), ("plane", 25)):
        recipe, pictures = read_first_result(stem, kind)
        assert len(pictures) == num_pictures
        for index in (0, 7, num_pictures - 1):
            of_one = recipe.pictures()[index]
            *_, last = ddim.sample_at(model, of_one.place, of_one.config)
            assert near(pictures[index], to_uint8(last.pred_images)[0])
    assert recipe.pictures()[7].place == Place((3, 8, 21, 5), (0.5, 0.25))


def test_an_animation_has_what_the_network_saw_step_by_step(stem, model):
    recipe, pictures = read_first_result(stem, "animate")
    steps = ddim.sample(model, recipe.seeds, recipe.config)
    for images, step in zip(pictures.reshape(-1, len(recipe.seeds), 8, 8, 3), steps, strict=True):
        assert near(images, to_uint8(step.pred_images))


def test_weights_with_classes_have_their_guidance_in_every_first_result(species_model, tmp_path):
    save(species_model, tmp_path / "species", guidance=2.0)
    save_first_results(str(tmp_path / "species"))
    model = load(str(tmp_path / "species"))
    for kind in KINDS:
        recipe, pictures = read_first_result(tmp_path / "species", kind)
        config = comparison_of(recipe, model).plan()[0][1] if kind == "compare" else recipe.config
        assert config.guidance == 2.0
        assert (config.min_signal_rate, config.max_signal_rate) == (0.02, 0.999)
    assert near(pictures[-3:], ddim.generate(model, range(3), recipe.config))


def test_without_a_file_or_of_other_weights_there_is_no_first_result(stem, tiny_model, tmp_path):
    save(tiny_model, tmp_path / "tiny")
    assert read_first_result(tmp_path / "tiny", "walk") is None
    assert read_first_result(stem, "forming") is None
    save_first_results(str(tmp_path / "tiny"))
    assert read_first_result(tmp_path / "tiny", "walk") is not None
    card = json.loads((tmp_path / "tiny.json").read_text())
    (tmp_path / "tiny.json").write_text(json.dumps({**card, "sha256": "0" * 64}))
    assert read_first_result(tmp_path / "tiny", "walk") is None


def test_a_damaged_one_is_told(stem, tmp_path, tiny_model):
    save(tiny_model, tmp_path / "tiny")
    Image.new("RGB", (16, 16)).save(tmp_path / "tiny.walk.webp")
    with pytest.raises(UserError, match="tiny.walk.webp is not a file that this app made"):
        read_first_result(tmp_path / "tiny", "walk")


def test_only_one_set_of_weights_makes_a_first_comparison(stem, model):
    recipe, _ = read_first_result(stem, "compare")
    assert recipe.weights == Weights(str(stem), model.card["sha256"]) and not recipe.against
    assert next(compare(comparison_of(replace(recipe, config=SampleConfig()), model))).weights == str(stem)


@pytest.mark.parametrize("path", sorted(WEIGHTS_DIR.glob("*.animate.webp")), ids=lambda path: path.name)
def test_what_ships_is_of_the_weights_beside_it_and_small(path):
    stem = path.with_name(path.name.removesuffix(".animate.webp"))
    assert all(read_first_result(stem, kind) for kind in KINDS)
    assert sum(Path(f"{stem}.{kind}.webp").stat().st_size for kind in KINDS) < 1_200_000
