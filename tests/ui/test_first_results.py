"""What ships to be shown first, against what the same tabs make."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddim.making.first_results import read_first_result, save_first_results


@pytest.fixture(scope="module")
def shipped(weights):
    paths = save_first_results(weights)
    yield {kind: read_first_result(Path(weights) / "best", kind) for kind in ("compare", "walk", "animate")}
    for path in paths:
        path.unlink()


def request(weights, **more):
    """What else is left out is as on the page when it opens, but signal rate and nodes are those of other weights."""
    return {"weights": weights, "max_signal_rate": 0.95, **more}


def test_the_first_comparison_is_the_one_that_the_tab_makes_by_itself(client, weights, shipped):
    gallery, told, *_ = client.predict(**request(weights), api_name="/compare_steps")
    recipe, pictures = shipped["compare"]
    assert told == recipe.to_json()
    made = np.stack([np.asarray(Image.open(entry["image"])) for entry in gallery])
    assert np.abs(made.astype(int) - pictures).max() <= 1


def test_the_first_walk_is_the_one_that_the_tab_makes_in_fewer_frames(client, weights, shipped):
    _, told, *_ = client.predict(**request(weights, frames=24, node_placement="inclusive"), api_name="/interpolate")
    assert told == shipped["walk"][0].to_json()


def test_the_first_film_is_the_one_that_the_tab_makes_of_fewer_seeds_and_steps(client, weights, shipped):
    _, told, *_ = client.predict(**request(weights, seeds="0-2", num_steps=20), api_name="/animate")
    assert told == shipped["animate"][0].to_json()
