"""What the tab Animate promises to those who call it, and how it reads what they send."""

from pathlib import Path

import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image
from serving import SlowEngine, swept

from ddim.cli.main import main
from ddim.diffusion.sampling import SampleConfig
from ddim.making.film import animate, frame_of, noises_of
from ddim.making.recipe import Recipe, Weights
from ddim.media.animation import SUFFIXES, ExportConfig
from ddim.media.embedded import read
from ddim.media.images import to_uint8
from ddim.ui import export, live_view
from ddim.ui.models import load_model
from ddim.ui.settings import told, values_of
from ddim.ui.tabs.animate.tab import read_seeds

REQUEST = {
    **{"seeds": "7,3", "num_steps": 4, "solver": "ddim", "eta": 0.5, "max_signal_rate": 0.95},
    "api_name": "/animate",
}
CONFIG = SampleConfig(num_steps=4, eta=0.5)


@pytest.fixture(scope="module")
def model(weights):
    return load_model(weights, Path(weights).parent)


def frames_in(film):
    """The frames of a film, cut out of its sheet as the browser does it."""
    with Image.open(film["sheet"]) as picture:
        sheet = np.asarray(picture).astype(int)
    height, width, columns = film["height"], film["width"], film["columns"]
    places = [divmod(index, columns) for index in range(sheet.shape[0] // height * columns)]
    return np.stack([sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] for y, x in places])


def test_the_last_result_is_a_film_of_all_steps_with_its_recipe(client, weights, model):
    film, recipe, gallery, view, status, *_ = client.predict(**REQUEST, weights=weights)
    steps = list(animate(model, [7, 3], CONFIG))
    assert np.abs(frames_in(film) - np.stack([frame_of(step) for step in steps])).max() <= 1
    assert (film["num_frames"], film["unit"]) == (4, "step")
    assert recipe == Recipe("animate", Weights.of(model), CONFIG, [7, 3]).to_json()
    assert status.startswith("4 network evaluations in ")

    assert [entry["caption"] for entry in gallery] == ["seed 7", "seed 3"]
    for entry, image, seed in zip(gallery, to_uint8(steps[-1].pred_images), (7, 3), strict=True):
        assert np.abs(np.asarray(Image.open(entry["image"])).astype(int) - image).max() <= 1
        assert read(entry["image"]) == Recipe("sample", Weights.of(model), CONFIG, [seed]).to_json()

    schedule = CONFIG.schedule()
    for (time, signal_rate, noise_rate), step in zip(view["steps"], steps, strict=True):
        rates = schedule(step.diffusion_time)
        assert (time, signal_rate, noise_rate) == pytest.approx(
            (step.diffusion_time, rates.signal, rates.noise), abs=1e-4
        )
    noises = np.stack([noises_of(model, step) for step in steps])
    assert np.abs(frames_in(view["noises"]) - noises).max() <= 1


def test_each_step_is_shown(client, weights, monkeypatch):
    monkeypatch.setattr(live_view, "SECONDS_BETWEEN_VIEWS", 0.0)
    job = client.submit(**{**REQUEST, "num_steps": 6}, weights=weights)
    job.result(timeout=60)
    *stills, _, _ = job.outputs()
    assert [still[0]["at"] for still in stills] == list(range(6))
    assert [still[4].split("<")[0].strip() for still in stills] == [f"Step {n} of 6" for n in range(1, 7)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seeds": "0-999"}, "The list of seeds has at most 12 entries, but this one has more."),
        ({"seeds": list(range(13))}, "The list of seeds has at most 12 entries, but this one has more."),
        ({"seeds": "seven"}, "'seven' does not belong in a list of seeds: write it as 1,2,5 or as 1-20."),
        ({"seeds": "<b>"}, "'&lt;b&gt;' does not belong in a list of seeds"),
        ({"seeds": "5-1"}, "'5-1' runs backwards: write 1-5."),
        ({"seeds": " "}, "The list of seeds is empty: write it as 1,2,5 or as 1-20."),
        ({"seeds": None}, "'None' does not belong in a list of seeds"),
        ({"seeds": [[7]]}, "Seeds cannot be [[7]]."),
        ({"seeds": {"a": 1}}, "Seeds cannot be {'a': 1}."),
        ({"seeds": "4294967296"}, "The seeds lie between 0 and 4294967295, but the list has '4294967296'."),
        ({"num_steps": "NaN"}, "Steps must be a whole number from 1 to 100, but is 'NaN'."),
        ({"num_steps": 513}, "Steps must be a whole number from 1 to 100, but is 513."),
        ({"solver": "unipc"}, "Only the solver 'ddim' can add noise: with 'unipc', eta must be 0."),
        ({"weights": "roses"}, "No weights are called 'roses'."),
    ],
)
def test_a_wrong_input_is_one_clear_sentence(client, weights, wrong, sentence):
    with pytest.raises(AppError) as error:
        client.predict(**{**REQUEST, "weights": weights, **wrong})
    assert sentence in str(error.value)


def test_a_number_is_a_list_of_one_seed(client, weights):
    assert client.predict(**{**REQUEST, "seeds": 7}, weights=weights)[1]["seeds"] == [7]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_taken_away_has_the_bytes_of_what_the_command_makes(suffix, served, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(weights).parents[1])
    (handler,) = (call.fn for call in served[2].fns.values() if call.name == "animate_seeds")
    sampling = [4, "ddim", 0.5, weights, "posterior", "reference", 0.02, 0.95, "", 1]
    *_, last = handler("7,3", *sampling)
    path = export.save_made(last.made, tmp_path, suffix, ExportConfig(factor=2, hold_last=0.5))
    assert path.name == f"ddim-animate-seeds7-3-4steps{suffix}"
    options = ["--seeds=7,3", "--num-steps=4", "--eta=0.5", "--factor=2", "--hold-last=0.5", f"--weights={weights}"]
    assert main(["animate", *options, "--output", str(tmp_path / f"other{suffix}")]) == 0
    assert path.read_bytes() == (tmp_path / f"other{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("command", "sent", "seeds"),
    [("sample", [7], "7"), ("sample", range(7, 11), "7-10"), ("interpolate", [3, 8], "3,8")],
)
def test_what_another_tab_sends_takes_the_place_of_the_seeds(model, command, sent, seeds):
    recipe = Recipe(command, Weights.of(model), CONFIG, sent)
    assert read_seeds(values_of(recipe)["seeds"]) == seeds
    assert read_seeds(told({"seed": sent[0], "num_images": len(sent)})["seeds"]).startswith(str(sent[0]))


def test_stopped_or_finished_no_film_stays_for_ever(served, client, weights, monkeypatch):
    _, _, demo = served
    cache, engine = Path(demo.GRADIO_CACHE), SlowEngine(monkeypatch)
    before = set(cache.glob("*.png"))  # of tests that asked no server
    client.predict(**REQUEST, weights=weights)
    job = client.submit(**{**REQUEST, "seeds": "0-4", "num_steps": 90, "eta": 0}, weights=weights)
    engine.wait_for(num_images=5, calls=6)
    job.cancel()
    assert engine.has_stopped(num_images=5)
    assert engine.calls(num_images=5) < 60
    assert len(set(cache.glob("*.png")) - before) > 3
    swept(demo)
    assert set(cache.glob("*.png")) <= before
