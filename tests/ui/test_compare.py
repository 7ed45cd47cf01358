"""What the tab Compare promises to those who call it, and what it makes of what they send."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image
from serving import swept

import ddim
from ddim.cli.main import main
from ddim.diffusion.sampling import SampleConfig
from ddim.making.compare import PLAYBACK, Cell, Comparison, Contender, compare
from ddim.making.recipe import Recipe
from ddim.media.embedded import read
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import UNetConfig, build_unet
from ddim.model.weights import save
from ddim.ui import settings as all_settings
from ddim.ui.tabs.compare import plot, slider, table
from ddim.ui.tabs.compare import tab as compare_tab
from ddim.ui.tabs.compare.verdict import verdict

REQUEST = {
    **{"seeds": "3,8", "num_steps": "2,1", "solvers": ["ddim", "heun"], "eta": 0, "max_signal_rate": 0.95},
    "api_name": "/compare_steps",
}


def comparison_of(models, *what):
    contenders = {name: Contender(model, model.sample_config()) for name, model in models.items()}
    return Comparison(contenders, *what)


@pytest.fixture
def settings(settings_of_tabs):
    return settings_of_tabs["compare"]


def test_the_last_results_hold_every_picture_with_its_recipe_inside(client, weights, model):
    gallery, recipe, *_ = client.predict(**REQUEST, weights=weights)
    rows = [(1, "ddim"), (1, "heun"), (2, "ddim"), (2, "heun")]
    places = [(seed, count, solver) for count, solver in rows for seed in (3, 8)]
    assert len(gallery) == len(places)
    for entry, (seed, count, solver) in zip(gallery, places, strict=True):
        assert entry["caption"] == f"seed {seed}, {count} step{'s' if count > 1 else ''}, {solver}"
        config = SampleConfig(num_steps=count, solver=solver)
        checksum = model.card["sha256"]
        assert read(entry["image"]) == {"weights": weights, "sha256": checksum, "seed": seed, **config.to_json()}
        expected = ddim.generate(model, seeds=[seed], num_steps=count, solver=solver)[0]
        assert np.abs(np.asarray(Image.open(entry["image"])).astype(int) - expected).max() <= 1
    assert recipe == Recipe.of_comparison(comparison_of({weights: model}, (3, 8), (1, 2), ("ddim", "heun"))).to_json()


def test_the_parameters_are_those_of_a_comparison(client):
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/compare_steps"]
    assert [parameter["parameter_name"] for parameter in endpoint["parameters"]] == [
        *("seeds", "num_steps", "solvers", "eta", "weights", "against"),
        *("variance", "node_placement", "min_signal_rate", "max_signal_rate", "class_names", "guidances"),
    ]


def test_rows_fill_in_while_they_form_the_fewest_evaluations_first(client, weights, monkeypatch):
    monkeypatch.setattr(compare_tab, "SECONDS_BETWEEN_VIEWS", 0.0)
    job = client.submit(**{**REQUEST, "num_steps": "4,1", "solvers": "ddim"}, weights=weights)
    job.result(timeout=60)
    tables = [output[2] for output in job.outputs()]
    seen = [(one.count("<button"), one.count('src="data:'), one.count(" s</small>")) for one in tables]
    assert seen == [(0, 0, 0), (2, 0, 1), (4, 2, 1), (4, 2, 1), (4, 2, 1), (4, 0, 2), (4, 0, 2)]
    assert tables[-1].index("1 step<") < tables[-1].index("4 steps<")


@pytest.fixture(scope="module")
def other_weights(weights, tiny_model):
    """Two more runs: with other weights, and with weights for larger pictures."""
    runs_dir = Path(weights).parent
    network = build_unet(tiny_model.config.network)
    save(DiffusionModel(tiny_model.config, network, tiny_model.normalizer), runs_dir / "other" / "best")
    config = UNetConfig(image_size=16, widths=(4, 8), block_depth=1)
    larger = DiffusionModel(ModelConfig(network=config), build_unet(config), tiny_model.normalizer)
    save(larger, runs_dir / "larger" / "best")
    return (runs_dir / "other").as_posix(), (runs_dir / "larger").as_posix()


def test_two_weights_are_laid_side_by_side_on_the_same_seeds(client, weights, other_weights):
    other, larger = other_weights
    request = {**REQUEST, "seeds": [3], "num_steps": [1, 2], "solvers": ["ddim"], "weights": weights}
    gallery, recipe, rows, *_ = client.predict(**request, against=other)
    assert [read(entry["image"])["weights"] for entry in gallery] == [weights, other, weights, other]
    assert [entry["weights"] for entry in recipe["against"]] == [other]
    assert rows.count(f"<small>{other}</small>") == 2
    with pytest.raises(AppError, match="Weights can be compared if their pictures have one size"):
        client.predict(**request, against=larger)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"num_steps": ""}, "The list of numbers of steps is empty: write it as 1,2,5 or as 1-20."),
        ({"num_steps": "5-1"}, "'5-1' runs backwards: write 1-5."),
        ({"num_steps": "many"}, "'many' does not belong in a list of numbers of steps"),
        ({"num_steps": "NaN"}, "'NaN' does not belong in a list of numbers of steps"),
        ({"num_steps": None}, "'None' does not belong in a list of numbers of steps"),
        ({"num_steps": "1-60"}, "The list of numbers of steps has at most 50 entries, but this one has more."),
        ({"num_steps": "1,200"}, "Steps must be a whole number from 1 to 100, but is 200."),
        ({"num_steps": "1-50", "solvers": ["ddim", "heun", "ab2"]}, "A comparison has 1 to 100 rows, but 150"),
        ({"seeds": "0-999"}, "The list of seeds has at most 16 entries, but this one has more."),
        ({"seeds": "-1"}, "'-1' does not belong in a list of seeds"),
        ({"seeds": "4294967296"}, "The seeds lie between 0 and 4294967295, but the list has '4294967296'."),
        ({"seeds": {"a": "<b>"}}, "Seeds cannot be {'a': '&lt;b&gt;'}."),
        ({"solvers": []}, "A comparison needs a solver: choose one or several."),
        ({"solvers": None}, "A comparison needs a solver: choose one or several."),
        ({"solvers": ["<b>"]}, "solver must be one of ddim, heun, ab2, ab3, ab4, dpmpp2m, unipc, but is '&lt;b&gt;'."),
        ({"solvers": ["ddim", "unipc"], "eta": 0.5}, "Only the solver 'ddim' can add noise: with 'unipc', eta must be"),
        ({"eta": "NaN"}, "Eta must be a number from 0 to 1, but is 'NaN'."),
        ({"weights": "roses"}, "No weights are called 'roses'."),
        ({"against": "/etc/passwd"}, "No weights are called 'passwd'."),
    ],
)
def test_a_wrong_input_is_one_clear_sentence(client, weights, wrong, sentence):
    with pytest.raises(AppError) as error:
        client.predict(**{**REQUEST, "weights": weights, **wrong})
    assert sentence in str(error.value)
    assert "Traceback" not in str(error.value)


def test_no_result_stays_for_ever(served, client, weights):
    _, _, demo = served
    client.predict(**{**REQUEST, "seeds": "7100-7105"}, weights=weights)
    folder = Path(demo.GRADIO_CACHE)
    assert len(set(folder.rglob("seed710*.png"))) == 24
    swept(demo)
    assert not set(folder.rglob("seed710*.png"))


@pytest.fixture(scope="module")
def made(model, weights):
    comparison = comparison_of({weights: model}, (3, 8), (1, 2, 4), ("ddim",))
    cells = [cell for cell in compare(comparison) if cell.is_finished]
    return compare_tab.Made(cells, Recipe.of_comparison(comparison))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4", ".zip"])
def test_a_file_has_the_same_bytes_as_that_of_the_command(made, weights, tmp_path, suffix):
    path = compare_tab.save(made, tmp_path, suffix, replace(PLAYBACK, factor=2))
    assert path.name == f"ddim-compare-seeds3-8-1-2-4steps{suffix}"
    words = ["--seeds=3,8", "--num-steps=1,2,4", f"--weights={weights}", "--factor=2"]
    assert main(["compare", *words, f"--output={tmp_path / f'command{suffix}'}"]) == 0
    assert path.read_bytes() == (tmp_path / f"command{suffix}").read_bytes()


def test_a_png_is_the_labelled_grid_with_the_recipe_inside(made, tmp_path):
    path = compare_tab.save(made, tmp_path, ".png", replace(PLAYBACK, factor=2))
    assert path.name == "ddim-compare-seeds3-8-1-2-4steps.png"
    assert read(path) == made.recipe.to_json()


def test_a_picture_sent_here_adds_its_steps_to_those_compared(settings, weights):
    values = all_settings.told({"weights": weights, "seed": 42, **asdict(SampleConfig(num_steps=7))})
    kept, warnings = all_settings.read(settings, values, Path(weights).parent, held={"num_steps": "1,2,20"})
    assert warnings == []
    assert (kept["seeds"], kept["num_steps"], kept["solvers"]) == ("42", "1,2,7,20", ["ddim"])


def test_the_address_of_a_comparison_of_weights_brings_both_back(settings, model, weights, other_weights):
    models = {weights: model, other_weights[0]: model}
    recipe = Recipe.of_comparison(comparison_of(models, (3, 4, 5), (1, 2, 3), ("ddim", "ab2")))
    address = all_settings.address_of("compare", settings, recipe)
    assert "seeds=3-5&num_steps=1,2,3&solvers=ddim,ab2" in address
    kept, _ = all_settings.read(settings, all_settings.values_of(recipe), Path(weights).parent)
    assert (kept["weights"], kept["against"], kept["num_steps"]) == (weights, other_weights[0], "1-3")


def test_each_solver_has_its_best_nodes_unless_others_are_asked_for(client, weights, model):
    request = {**REQUEST, "seeds": "3", "num_steps": "2", "solvers": ["ddim", "unipc"], "weights": weights}
    for asked, expected in (({}, ["reference", "inclusive"]), ({"node_placement": "reference"}, ["reference"] * 2)):
        gallery, recipe, *_ = client.predict(**request, **asked)
        assert [read(entry["image"])["node_placement"] for entry in gallery] == expected
        config = model.sample_config(num_steps=2, solver="unipc", node_placement=expected[1])
        made = ddim.generate(model, [3], config)[0]
        assert np.abs(np.asarray(Image.open(gallery[1]["image"])).astype(int) - made).max() <= 1
        assert recipe.get("node_placements") == ({"unipc": "inclusive"} if not asked else None)


def test_nodes_that_end_without_noise_stay_as_in_the_tutorial(client, weights):
    request = {**REQUEST, "seeds": "3", "num_steps": "2", "solvers": ["unipc"], "weights": weights}
    gallery, *_ = client.predict(**request | {"max_signal_rate": 1})
    assert read(gallery[0]["image"])["node_placement"] == "reference"


def test_addresses_and_recipes_of_before_keep_their_nodes(settings, model, weights):
    runs_dir = Path(weights).parent
    for told in ({"solvers": "unipc"}, {"solver": "unipc"}, {"solvers": "unipc", "node_placement": "reference"}):
        kept, _ = all_settings.read(settings, all_settings.told({"seeds": "3", "num_steps": "2", **told}), runs_dir)
        assert kept["node_placement"] == "reference"
    before = Recipe.of_comparison(comparison_of({weights: model}, (3,), (2,), ("ddim", "unipc"))).to_json()
    assert "node_placements" not in before
    kept, warnings = all_settings.read(settings, all_settings.values_of(Recipe.from_json(before)), runs_dir)
    assert (kept["node_placement"], warnings) == ("reference", [])


def test_a_mixture_of_nodes_that_the_page_has_no_control_for_is_told(settings, model, weights):
    placements = {"ddim": "inclusive"}
    comparison = replace(comparison_of({weights: model}, (3,), (2,), ("ddim", "ab2")), node_placements=placements)
    recipe = Recipe.from_json(Recipe.of_comparison(comparison).to_json())
    assert recipe.node_placements == placements
    kept, (warning,) = all_settings.read(settings, all_settings.values_of(recipe), Path(weights).parent)
    assert "node_placement" not in kept and warning.startswith("Ignored: node_placement.")


def cell_of(grey, num_steps, solver="ddim", weights="a", **asked):
    images = np.full((1, 4, 4, 3), grey, np.uint8)
    config = SampleConfig(num_steps=num_steps, solver=solver, **asked)
    return Cell(weights, config, images, config.nfe, 0.5)


def test_curves_leave_out_what_they_are_measured_from_and_draw_equal_pictures_at_the_top():
    curves = plot.curves([cell_of(100, 1), cell_of(110, 2), cell_of(110, 5, "heun"), cell_of(110, 5)])
    assert curves[["evaluations", "PSNR", "steps", "line"]].values.tolist() == [
        [1, pytest.approx(20 * np.log10(255 / 10)), 1, "DDIM"],
        [2, plot.HIGHEST, 2, "DDIM"],
        [9, plot.HIGHEST, 5, "Heun"],
    ]
    assert plot.curves([cell_of(100, 1)]).empty


@pytest.mark.parametrize(
    ("greys", "told"),
    [
        ({5: 100}, ""),
        ({1: 150, 2: 101, 5: 150, 10: 103, 20: 100}, "dB or more: DDIM from 10 steps on."),
        ({1: 101, 20: 100}, "dB or more: DDIM from 1 step on."),
        ({1: 150, 2: 140, 20: 100}, "dB or more: DDIM not in 2 steps."),
    ],
)
def test_a_sentence_says_from_where_on_more_steps_hardly_change_the_pictures(greys, told):
    sentences = plot.sentences([cell_of(grey, count) for count, grey in greys.items()])
    assert told in sentences
    assert bool(sentences) == bool(told)


def test_beside_the_plot_stands_what_it_is_measured_from_and_where_each_solver_looks():
    cells = [cell_of(grey, count, "unipc", node_placement="inclusive") for count, grey in ((5, 110), (10, 100))]
    cells += [cell_of(150, 5), cell_of(120, 10)]
    sentences = plot.sentences(cells)
    assert "the pictures of UniPC in 10 steps, the most exact run here" in sentences
    assert "Nodes: UniPC inclusive, DDIM reference, the best for each." in sentences
    assert "With UniPC among the solvers" not in sentences
    of_one_kind = plot.sentences([cell_of(150, 5), cell_of(120, 10), cell_of(100, 10, "unipc")])
    assert "Nodes: DDIM reference, UniPC reference, as chosen." in of_one_kind
    assert "With UniPC among the solvers" in plot.sentences([cell_of(150, 5), cell_of(120, 10)])


def test_where_pictures_are_of_several_kinds_each_has_a_reference_of_its_own():
    asked = [{"class_name": name, "guidance": guidance} for name in ("rose", "tulip") for guidance in (1.0, 2.0)]
    cells = [cell_of(count, count, **one) for one in asked for count in (5, 10)]
    assert "the pictures of DDIM in 10 steps with the same species and guidance, the most" in plot.sentences(cells)
    assert plot.curves(cells)["line"].tolist() == ["DDIM, guidance 1", "DDIM, guidance 2"]


def test_fresh_noise_leads_elsewhere_and_the_sentence_says_so():
    assert plot.sentences([cell_of(9, 5, eta=1.0), cell_of(7, 10, eta=1.0)]).startswith("With eta above 0,")


def cells_of(solver, greys, **asked):
    return [cell_of(grey, count, solver, **asked) for count, grey in greys.items()]


UNIPC = {2: 200, 5: 120, 10: 104, 20: 100}


@pytest.mark.parametrize(
    ("ddim_greys", "told"),
    [
        # 4 levels are half way in dB from 8 to 2, and 20 are from 40 to 10: reached half way in the logarithm of steps.
        ({5: 140, 20: 108, 40: 102}, "UniPC in 10 steps is as near to the reference as DDIM in about 28 steps."),
        ({5: 140, 20: 110}, "as DDIM in about 10 steps; in 10, it is nearer than DDIM in 20 steps."),
        ({2: 200, 5: 140, 10: 120, 20: 110}, "UniPC in 5 steps is as near to the reference as DDIM in 10 steps;"),
        ({5: 250, 20: 240}, "UniPC in 2 steps is nearer to the reference than DDIM in 20 steps."),
        ({5: 102, 20: 101}, "DDIM in 5 steps is as near to the reference as UniPC in 10 steps, or nearer."),
        ({5: 130, 20: 125}, "no nearer to the reference than DDIM in 5 steps, in 5 it is nearer than DDIM in 20"),
    ],
)
def test_the_verdict_says_how_many_steps_are_worth_how_many(ddim_greys, told):
    assert told in verdict(cells_of("unipc", UNIPC) + cells_of("ddim", ddim_greys))


def test_the_verdict_tells_evaluations_where_steps_cost_more():
    said = verdict(cells_of("unipc", UNIPC) + cells_of("heun", {2: 200, 5: 140, 10: 120, 20: 110}))
    assert "as near to the reference as Heun in 10 steps (19 evaluations)" in said


def test_the_verdict_stands_above_the_table_where_its_place_is_kept_until_all_rows_are_there(client, weights):
    job = client.submit(**REQUEST, weights=weights)
    job.result(timeout=60)
    first, *_, last = (output[2] for output in job.outputs())
    assert first.startswith(f'<p class="verdict">{table.VERDICT_TO_COME}</p><div')
    assert last.startswith('<p class="verdict">') and "DDIM" in last[:200] and table.VERDICT_TO_COME not in last
    one_solver = client.predict(**{**REQUEST, "solvers": ["ddim"]}, weights=weights)
    assert "verdict" not in one_solver[2]


def test_guidances_have_verdicts_of_their_own_and_species_share_one():
    cells = []
    for name in ("rose", "tulip"):
        for guidance, grey in ((1.0, 110), (2.0, 105)):
            asked = {"class_name": name, "guidance": guidance}
            cells += cells_of("unipc", {5: grey, 20: 100}, **asked) + cells_of("ddim", {5: 120, 20: 110}, **asked)
    said = verdict(cells)
    assert "With guidance 1, UniPC in 5 steps is as near to the reference as DDIM in" in said
    assert "With guidance 2, UniPC in 5 steps is nearer to the reference than DDIM in 20 steps." in said
    assert said.count("With guidance") == 2


def test_no_verdict_where_there_is_none():
    assert verdict(cells_of("ddim", UNIPC)) == ""
    assert "does not tell" in verdict(cells_of("unipc", {5: 100}) + cells_of("ddim", {5: 120}))


def test_the_first_comparison_is_of_ddim_and_unipc_in_eight_rows(settings):
    first = {name: setting.control.value for name, setting in settings.items()}
    assert (first["num_steps"], first["solvers"], first["node_placement"]) == ("2,5,10,20", ["ddim", "unipc"], "best")


@pytest.fixture
def rows_of(tiny_model):
    return lambda *names: table.planned(comparison_of(dict.fromkeys(names, tiny_model), (3, 8), (1, 5)))


def test_fewest_and_most_steps_or_two_weights_are_the_first_to_slide_between(rows_of):
    chosen = [vars(update)["value"] for update in slider.choices(rows_of("a"), (3, 8))]
    assert chosen == ["3", "1 step, ddim", "5 steps, ddim"]
    chosen = [vars(update)["value"] for update in slider.choices(rows_of("a", "b"), (3, 8))]
    assert chosen == ["3", "5 steps, ddim, a", "5 steps, ddim, b"]


def test_the_table_tells_which_row_is_the_reference(tiny_model):
    rows = table.planned(comparison_of({"a": tiny_model, "b": tiny_model}, (3,), (1, 5), ("unipc", "ddim")))
    marked = [(row.weights, row.config.num_steps, row.config.solver) for row in rows if row.is_reference]
    assert sorted(marked) == [("a", 5, "unipc"), ("b", 5, "unipc")]
    assert table.show(rows, (3,)).count("<small>the reference</small>") == 2
    alone = table.planned(comparison_of({"a": tiny_model, "b": tiny_model}, (3,), (5,)))
    assert not any(row.is_reference for row in alone)


def test_names_of_weights_stay_text_in_the_table(rows_of):
    rows = rows_of("<b>", "${alert(1)}")
    row = table.forming(rows[0], cell_of(0, 1)._replace(images=np.zeros((2, 4, 4, 3), np.uint8)))
    shown = table.show([row, *rows[1:]], (3, 8))
    assert "<b>" not in shown
    assert "<small>&lt;b&gt;</small>" in shown
    assert 'alt="seed 8, 1 step, ddim, &lt;b&gt;"' in shown
