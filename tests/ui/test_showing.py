"""How much an address asks for, against what the tabs really make."""

import pytest

from ddim.diffusion.noise import seed_range
from ddim.making.plane import parse_stops
from ddim.making.walk import WalkConfig, places_of_walk
from ddim.ui.showing import num_pictures, wanted


def test_an_address_without_seeds_asks_for_no_picture():
    assert num_pictures("generate", {"num_steps": 5, "num_images": 16}) == 0
    assert num_pictures("interpolate", {"frames": 5}) == 0


def test_a_seed_and_a_number_are_as_many_pictures():
    assert num_pictures("generate", {"seed": 3}) == 1
    assert num_pictures("generate", {"seed": 3, "num_images": 20}) == len(seed_range(3, 20))
    assert num_pictures("animate", {"seeds": "0-5,9"}) == 7


@pytest.mark.parametrize("stops", ["3,8", "1-4", "3:rose,8:sunflower"])
@pytest.mark.parametrize("loop", [False, True])
def test_a_walk_has_as_many_pictures_as_places(stops, loop):
    seeds = parse_stops(stops, 2, 8).seeds
    expected = len(places_of_walk(seeds, WalkConfig(frames=6, loop=loop)))
    kept = {"mode": "walk", "seeds": stops, "frames": 6, "loop": loop}
    assert num_pictures("interpolate", kept) == expected


def test_a_plane_has_as_many_pictures_as_cells():
    assert num_pictures("interpolate", {"mode": "plane", "seeds": "1,2,3,4", "size": 8}) == 64


def test_a_comparison_has_a_picture_for_each_of_everything():
    kept = {"seeds": "0-3", "num_steps": "2,5,10", "solvers": ["ddim", "unipc"]}
    assert num_pictures("compare", kept) == 4 * 3 * 2
    assert num_pictures("compare", {**kept, "against": "other"}) == 4 * 3 * 2 * 2
    assert num_pictures("compare", {**kept, "num_steps": "1-20"}) == 4 * 20 * 2
    more = {"class_names": ["rose", "iris"], "guidances": "1,2,3", "against": ""}
    assert num_pictures("compare", {**kept, **more}) == 4 * 3 * 2 * 2 * 3


def test_the_address_of_a_point_makes_the_point_and_that_of_a_plane_the_plane():
    plane = {"mode": "plane", "seeds": "1,2,3,4"}
    point = {**plane, "across": 0.25, "down": 0.5}
    assert wanted("interpolate", point) == "interpolate show-point" and num_pictures("interpolate", point) == 1
    assert wanted("interpolate", {**point, "size": 3}) == wanted("interpolate", plane) == "interpolate"
    assert wanted("generate", {"seed": 3}) == "generate"
