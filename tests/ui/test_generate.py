"""What the page promises to those who call it, and how it reads what they send."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from serving import SlowEngine

import ddim
from ddim.diffusion.sampling import SampleConfig
from ddim.making.recipe import Recipe, Weights
from ddim.media.embedded import read
from ddim.model.weights import find, read_card, save
from ddim.ui import gradio_cache, live_view, presets
from ddim.ui.models import own_settings
from ddim.ui.sweeping import SECONDS_KEPT, sweep
from ddim.ui.tabs import generate

ROOT = Path(__file__).parents[2]
API_NAMES = {"/generate", "/compare_steps", "/interpolate", "/animate"}
API_NAMES |= {"/start_training", "/stop_training", "/training_status"}
REQUEST = {
    "seed": 7,
    "num_images": 3,
    "num_steps": 4,
    "solver": "ddim",
    "eta": 0.5,
    "node_placement": "reference",
    "max_signal_rate": 0.95,
}


def pictures_in(gallery):
    return np.stack([np.asarray(Image.open(entry["image"])) for entry in gallery])


def difference(images, others):
    return np.abs(images.astype(int) - others.astype(int)).max()


def test_the_page_is_built_before_keras_is_imported():
    program = (
        "import sys, app; app.build('runs'); print(*{name.partition('.')[0] for name in sys.modules} & {'keras', "
        "'tensorflow', 'jax', 'torch'}, 'gradio' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert result.stdout.split() == ["True"], result.stderr


def test_only_the_names_of_the_contract_are_public_and_generate_takes_its_parameters(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == API_NAMES
    assert [parameter["parameter_name"] for parameter in endpoints["/generate"]["parameters"]] == [
        *("seed", "num_images", "num_steps", "solver", "eta", "weights"),
        *("variance", "node_placement", "min_signal_rate", "max_signal_rate", "class_name", "guidance"),
    ]


def test_the_last_result_holds_the_pictures_each_with_its_recipe_inside(client, weights):
    gallery, recipe, *_ = client.predict(**REQUEST, weights=weights, api_name="/generate")
    model = ddim.load(weights)
    assert [entry["caption"] for entry in gallery] == ["seed 7", "seed 8", "seed 9"]
    expected = ddim.generate(model, seeds=[7, 8, 9], num_steps=4, eta=0.5)
    assert difference(pictures_in(gallery), expected) <= 1

    checksum = read_card(find(weights))["sha256"]
    config = SampleConfig(num_steps=4, eta=0.5)
    of_seed_9 = {"weights": weights, "sha256": checksum, "seed": 9, **config.to_json()}
    assert read(gallery[2]["image"]) == of_seed_9
    assert recipe == {**of_seed_9, "seed": 7, "num_images": 3}


def test_each_step_is_reported(client, weights, monkeypatch):
    monkeypatch.setattr(live_view, "SECONDS_BETWEEN_VIEWS", 0.0)
    job = client.submit(**{**REQUEST, "num_steps": 6}, weights=weights, api_name="/generate")
    job.result(timeout=60)
    statuses = [output[3].split("<")[0].strip() for output in job.outputs()]
    assert statuses[:-1] == [f"Step {n} of 6" for n in range(1, 7)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"num_steps": 0}, "Steps must be a whole number from 1 to 100, but is 0."),
        ({"num_steps": 7.5}, "Steps must be a whole number from 1 to 100, but is 7.5."),
        ({"seed": -1}, "Seed must be a whole number from 0 to 4294967295, but is -1."),
        ({"seed": 2**32}, "Seed must be a whole number from 0 to 4294967295, but is 4294967296."),
        ({"seed": 10**400}, "Seed must be a whole number from 0 to 4294967295, but is 1"),
        ({"seed": None}, "Seed must be a whole number from 0 to 4294967295, but is empty."),
        ({"seed": "seven"}, "Seed must be a whole number from 0 to 4294967295, but is 'seven'."),
        ({"seed": [7]}, "Seed must be a whole number from 0 to 4294967295, but is [7]."),
        ({"seed": 2**32 - 1}, "3 pictures from seed 4294967295 on do not fit."),
        ({"num_images": 10_000}, "Pictures must be a whole number from 1 to 64, but is 10000."),
        ({"solver": "magic"}, "solver must be one of ddim, heun, ab2, ab3, ab4, dpmpp2m, unipc, but is 'magic'."),
        ({"solver": "unipc"}, "Only the solver 'ddim' can add noise: with 'unipc', eta must be 0."),
        ({"solver": None}, "solver must be one of"),
        ({"eta": 1.5}, "Eta must be a number from 0 to 1, but is 1.5."),
        ({"eta": "NaN"}, "Eta must be a number from 0 to 1, but is 'NaN'."),
        ({"variance": "small"}, "variance must be one of posterior, large, but is 'small'."),
        ({"max_signal_rate": 2}, "Highest signal rate must be a number from 0.5 to 1, but is 2."),
        ({"weights": "roses"}, "No weights are called 'roses'."),
        ({"weights": "/etc/passwd"}, "No weights are called 'passwd'."),
        ({"weights": "<b>"}, "No weights are called '&lt;b&gt;'."),
    ],
)
def test_a_wrong_input_is_one_clear_sentence_and_the_app_stays_up(client, weights, wrong, sentence):
    with pytest.raises(AppError) as error:
        client.predict(**{**REQUEST, "weights": weights, **wrong}, api_name="/generate")
    assert sentence in str(error.value)
    assert "Traceback" not in str(error.value)
    assert client.predict(**{**REQUEST, "num_steps": 1}, weights=weights, api_name="/generate")[1]["num_steps"] == 1


def test_damaged_or_missing_weights_are_one_clear_sentence(served, client, tiny_model):
    runs_dir = Path(served[1]).parent
    save(tiny_model, runs_dir / "worn" / "best")
    request = {**REQUEST, "weights": (runs_dir / "worn").as_posix(), "api_name": "/generate"}
    client.predict(**request)
    path = runs_dir / "worn" / "best.weights.h5"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(AppError, match="best.weights.h5 is damaged or was changed: its checksum begins with"):
        client.predict(**request)
    (runs_dir / "worn" / "best.json").unlink()
    with pytest.raises(AppError, match="best.weights.h5 has no card beside it"):
        client.predict(**request)
    path.unlink()
    with pytest.raises(AppError, match="No weights are called '.*worn'"):
        client.predict(**request)


def test_visitors_at_the_same_time_get_their_own_pictures(served, client, weights):
    other = Client(served[0], verbose=False, analytics_enabled=False, download_files=False)
    jobs = [
        visitor.submit(**{**REQUEST, "seed": seed, "num_steps": 12}, weights=weights, api_name="/generate")
        for visitor, seed in ((client, 100), (other, 200))
    ]
    recipes = [job.result(timeout=60)[1] for job in jobs]
    other.close()
    assert [recipe["seed"] for recipe in recipes] == [100, 200]


def test_cancelling_stops_within_one_step_and_nobody_else(served, client, weights, monkeypatch):
    engine = SlowEngine(monkeypatch, seconds=0.15)  # on a busy machine a request to cancel may be seconds on its way
    other = Client(served[0], verbose=False, analytics_enabled=False, download_files=False)
    long = {**REQUEST, "num_steps": 60, "weights": weights, "api_name": "/generate"}
    job = client.submit(**{**long, "num_images": 5})
    job_of_other = other.submit(**{**long, "num_images": 2})
    engine.wait_for(num_images=5, calls=4)
    job.cancel()
    assert engine.has_stopped(num_images=5)
    assert engine.calls(num_images=5) < 30
    assert job_of_other.result(timeout=60)[1]["num_images"] == 2
    assert engine.calls(num_images=2) == 60
    other.close()


def test_results_go_after_an_hour_and_the_first_pictures_stay(served, client, weights):
    _, _, demo = served
    folder, laid_out = Path(demo.GRADIO_CACHE), gradio_cache.laid_out_files(demo)
    first_pictures, _ = generate.first_screen(Path(weights).parent)
    assert len(laid_out) >= len(first_pictures)
    before = set(folder.rglob("*.png"))
    client.predict(**{**REQUEST, "seed": 7000}, weights=weights, api_name="/generate")
    made = set(folder.rglob("*.png")) - before
    assert len(made) > 3  # two sheets at least, and the pictures
    list(sweep(folder, laid_out, time.time() + SECONDS_KEPT - 60))
    assert made <= set(folder.rglob("*.png"))
    list(sweep(folder, laid_out, time.time() + SECONDS_KEPT + 1))
    assert set(folder.rglob("*.png")) == set(laid_out)


def test_gradio_notes_no_files_for_ever(served, client, weights):
    _, _, demo = served
    client.predict(**REQUEST, weights=weights, api_name="/generate")
    assert [block for block in demo.blocks.values() if block.temp_files] == []
    assert not demo.upload_file_set and not demo.temp_file_sets


def test_the_first_screen_is_what_the_shipped_weights_make():
    pictures, recipe = generate.first_screen("no-runs")
    model = ddim.load("flowers64-species", precision="float32")
    config = replace(next(iter(presets.PRESETS.values())), **own_settings("flowers64-species"))
    assert recipe == Recipe("sample", Weights.of(model), config, list(range(16)), is_sheet=True)
    assert [caption for _, caption in pictures] == [f"seed {seed}" for seed in range(16)]
    shown = np.stack([np.asarray(Image.open(picture)) for picture, _ in pictures])
    assert difference(shown, ddim.generate(model, range(16), config)) <= 4
