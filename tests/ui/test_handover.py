"""What goes from tab to tab, and from files back into tabs."""

import json
from pathlib import Path

import numpy as np
import pytest

import app
from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.making.recipe import Recipe, Weights
from ddim.media.images import save_png
from ddim.model.weights import read_card, save
from ddim.ui.handlers import REFUSING

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def weights(tiny_model, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "tiny"
    save(tiny_model, run / "best")
    return Weights(run.as_posix(), read_card(run / "best")["sha256"])


@pytest.fixture(scope="module")
def dropping(weights):
    """What the page calls when a file is dropped."""
    demo = app.build(str(Path(weights.weights).parent))
    (call,) = (call for call in demo.fns.values() if call.name == "bring_back")
    return call


def test_what_was_made_here_opens_its_tab(dropping, weights, tmp_path):
    recipe = Recipe("animate", weights, SampleConfig(), [3, 8])
    save_png(tmp_path / "film.png", PICTURE, recipe.to_json())
    tab, *_ = dropping.fn(str(tmp_path / "film.png"))
    assert tab.selected == "animate"


FOREIGN = {"seed": "7", "steps": 30, "sampler": "dpmpp_2m", "prompt": "rose", "version": "another program 2.5"}


@pytest.mark.parametrize("told", [FOREIGN, {**FOREIGN, "seed": 7}, {"seed": 7, "weights": "x"}], ids=json.dumps)
def test_settings_of_another_program_are_refused_and_not_half_taken(dropping, tmp_path, told):
    save_png(tmp_path / "rose.png", PICTURE, told)
    with pytest.raises(UserError, match="^rose.png cannot be brought back. This was not made here"):
        dropping.fn(str(tmp_path / "rose.png"))


def test_files_are_read_one_at_a_time(dropping):
    assert (dropping.concurrency_limit, REFUSING["concurrency_limit"]) == (1, None)
