import json
from dataclasses import replace

import numpy as np
import pytest
from decoding import decode, gif_blocks

from ddim.diffusion.sampling import SampleConfig
from ddim.making.compare import (
    PLAYBACK,
    Cell,
    Comparison,
    Contender,
    compare,
    frames_of,
    grid_of,
    save_comparison,
)
from ddim.making.generate import generate
from ddim.making.recipe import Recipe
from ddim.media.animation import ExportConfig
from ddim.media.embedded import read
from ddim.model.diffusion_model import DiffusionModel, ModelConfig, Normalizer
from ddim.model.unet import UNetConfig, build_unet

SEEDS = (3, 8)


def comparison_of(models, seeds=SEEDS, step_counts=(1, 2), solvers=("ddim",), **settings):
    """The comparison of these models, all sampled with these further settings."""
    contenders = {name: Contender(model, model.sample_config(**settings)) for name, model in models.items()}
    return Comparison(contenders, seeds, step_counts, solvers)


@pytest.fixture(scope="module")
def cells(tiny_model):
    steps = list(compare(comparison_of({"tiny": tiny_model}, SEEDS, (1, 4, 2), ("ddim", "heun"))))
    return [cell for cell in steps if cell.is_finished]


@pytest.fixture(scope="module")
def other_model(tiny_config, tiny_network, tiny_normalizer):
    paler = Normalizer(tiny_normalizer.mean, tiny_normalizer.variance / 4)
    return DiffusionModel(ModelConfig(network=tiny_config), tiny_network, paler)


def test_fewest_evaluations_come_first(cells):
    order = [(cell.config.solver, cell.config.num_steps, cell.nfe) for cell in cells]
    assert sorted(order) == sorted(
        [("ddim", 1, 1), ("heun", 1, 1), ("ddim", 2, 2), ("heun", 2, 3), ("ddim", 4, 4), ("heun", 4, 7)]
    )
    evaluations = [cell.nfe for cell in cells]
    assert evaluations == sorted(evaluations)


def test_each_cell_has_the_pictures_of_its_own_sampling(cells, tiny_model):
    for cell in cells:
        settings = {"num_steps": cell.config.num_steps, "solver": cell.config.solver}
        expected = generate(tiny_model, SEEDS, **settings)
        assert np.abs(cell.images.astype(int) - expected).max() <= 1
        assert cell.seconds > 0


def test_cells_form_step_by_step(tiny_model):
    steps = list(compare(comparison_of({"tiny": tiny_model}, SEEDS, (3,))))
    assert [(cell.nfe, cell.is_finished) for cell in steps] == [(1, False), (2, False), (3, True)]
    assert steps[0].seconds < steps[1].seconds < steps[2].seconds


def test_all_seeds_of_a_cell_ride_in_one_batch(tiny_model, monkeypatch):
    sizes = []
    denoise = tiny_model.denoise

    def counted(noisy_images, *arguments, **settings):
        sizes.append(len(noisy_images))
        return denoise(noisy_images, *arguments, **settings)

    comparison = comparison_of({"tiny": tiny_model}, (0, 1, 2), (1, 2))
    monkeypatch.setattr(tiny_model, "denoise", counted)
    list(compare(comparison))
    assert sizes[-3:] == [3, 3, 3]  # after what is compiled first


def test_guidance_and_classes_are_compared_on_the_same_seeds(species_model):
    contenders = {"species": Contender(species_model, species_model.sample_config())}
    comparison = Comparison(contenders, SEEDS, (2,), guidances=(1.0, 2.0), class_names=("rose", "tulip"))
    cells = [cell for cell in compare(comparison) if cell.is_finished]
    asked = [(cell.config.guidance, cell.config.class_name, cell.nfe) for cell in cells]
    assert asked == [(1.0, "rose", 2), (1.0, "tulip", 2), (2.0, "rose", 4), (2.0, "tulip", 4)]
    for cell in cells:
        np.testing.assert_array_equal(cell.images, generate(species_model, SEEDS, cell.config))
    recipe = Recipe.of_comparison(comparison)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))).to_json() == recipe.to_json()
    assert (recipe.to_json()["guidances"], recipe.to_json()["class_names"]) == ([1.0, 2.0], ["rose", "tulip"])
    assert grid_of(cells, SEEDS, ExportConfig()).shape[0] > 4 * 8


def test_too_many_guidances_and_classes_are_refused(species_model):
    contenders = {"species": Contender(species_model, species_model.sample_config())}
    with pytest.raises(ValueError, match="1 to 100 rows, but 101"):
        Comparison(contenders, SEEDS, (2,), guidances=[1 + step / 100 for step in range(101)])


def cell_of(value, num_steps, solver="ddim", weights="a"):
    images = np.full((2, 4, 4, 3), value, np.uint8)
    return Cell(weights, SampleConfig(num_steps=num_steps, solver=solver), images, num_steps, 0.0)


def test_weights_are_compared_on_the_same_seeds(tiny_model, other_model):
    steps = compare(comparison_of({"tiny": tiny_model, "paler": other_model}, SEEDS, (2,)))
    first, second = (cell for cell in steps if cell.is_finished)
    assert (first.weights, second.weights) == ("tiny", "paler")
    np.testing.assert_array_equal(first.images, generate(tiny_model, SEEDS, num_steps=2))
    np.testing.assert_array_equal(second.images, generate(other_model, SEEDS, num_steps=2))
    assert (first.images != second.images).any()


def test_weights_of_another_size_are_refused(tiny_model, tiny_normalizer):
    config = UNetConfig(image_size=16, widths=(4, 8), block_depth=1)
    larger = DiffusionModel(ModelConfig(network=config), build_unet(config), tiny_normalizer)
    with pytest.raises(ValueError, match="one size"):
        comparison_of({"tiny": tiny_model, "larger": larger}, SEEDS, (2,))


WRONG = [
    ({"seeds": ()}, "1 to 16 seeds, but 0"),
    ({"seeds": range(1000)}, "1 to 16 seeds, but 1000"),
    ({"step_counts": ()}, "1 to 100 rows, but 0"),
    ({"step_counts": range(1, 51), "solvers": ("ddim", "heun", "ab2")}, "1 to 100 rows, but 150"),
    ({"solvers": ("euler",)}, "solver must be one of"),
    ({"solvers": ("unipc",), "eta": 1.0}, "eta must be 0"),
    ({"step_counts": (0,)}, "num_steps must be"),
    ({"eta": float("nan")}, "eta must be"),
]


@pytest.mark.parametrize("wrong, because", WRONG, ids=lambda value: str(value)[:30])
def test_what_cannot_be_compared_is_refused_before_anything_runs(tiny_model, monkeypatch, wrong, because):
    monkeypatch.setattr(tiny_model, "engine", None)
    with pytest.raises(ValueError, match=because):
        next(compare(comparison_of({"tiny": tiny_model}, **wrong)))


@pytest.fixture
def plain_cells():
    """Cells of one grey each: 50 to 80 with DDIM, 90 to 120 with UniPC."""
    greys = {("ddim", 1): 50, ("ddim", 2): 60, ("ddim", 4): 80, ("unipc", 1): 90, ("unipc", 2): 100, ("unipc", 4): 120}
    return [cell_of(grey, count, solver) for (solver, count), grey in greys.items()]


def greys_in(picture):
    """The greys that cover as much as the two pictures (24, 24) of a cell do; the ground is no pure grey."""
    greys, counts = np.unique(picture[np.ptp(picture, axis=-1) == 0][:, 0], return_counts=True)
    return greys[counts >= 2 * 24 * 24].tolist()


def test_the_grid_shows_the_pictures_of_all_cells(plain_cells):
    assert greys_in(grid_of(plain_cells, SEEDS, ExportConfig(factor=6))) == [50, 60, 80, 90, 100, 120]


def test_the_animation_has_a_frame_of_one_size_for_each_number_of_steps(plain_cells):
    frames = frames_of(plain_cells, SEEDS, ExportConfig(factor=6))
    assert [greys_in(frame) for frame in frames] == [[50, 90], [60, 100], [80, 120]]


def test_a_saved_comparison_plays_slowly_and_tells_how_to_make_it_again(tmp_path, cells, tiny_model):
    recipe = Recipe.of_comparison(comparison_of({"tiny": tiny_model}, SEEDS, (1, 2, 4), ("ddim", "heun"))).to_json()
    export = replace(PLAYBACK, factor=6, hold_first=0, hold_last=0)
    save_comparison(tmp_path / "c.gif", cells, SEEDS, export, recipe)
    size, milliseconds, *_ = gif_blocks(tmp_path / "c.gif")
    assert milliseconds == [500] * 3
    frames = frames_of(cells, SEEDS, export)
    assert size == frames.shape[1:3]
    assert decode(tmp_path / "c.gif", *size).shape == frames.shape
    save_comparison(tmp_path / "c.png", cells, SEEDS, export, recipe)
    (sheet,) = decode(tmp_path / "c.png", *grid_of(cells, SEEDS, export).shape[:2])
    np.testing.assert_array_equal(sheet, grid_of(cells, SEEDS, export))
    for name in ("c.gif", "c.png"):
        again = read(tmp_path / name)
        assert again == json.loads(json.dumps(recipe))
        assert (again["seeds"], again["num_steps"], again["solvers"]) == ([3, 8], [1, 2, 4], ["ddim", "heun"])


def test_a_comparison_that_would_be_too_large_is_refused(tmp_path, cells):
    with pytest.raises(ValueError, match="too many for one .png file"):
        tall = [cell._replace(images=np.zeros((2, 2000, 8, 3), np.uint8)) for cell in cells]
        save_comparison(tmp_path / "c.png", tall, SEEDS, ExportConfig(factor=1), {})
