import json

import numpy as np
import pytest
from tiny_pictures import SHAPE, differ, finished, own_pictures

from ddim.diffusion.noise import noise_from_seeds
from ddim.making.plane import Place, coordinates_at, places_of_plane, sample_at, sample_plane


def test_noise_on_the_sphere_keeps_its_length_and_noise_on_the_line_does_not():
    between = {
        interpolation: Place((3, 8), (0.5,), interpolation).noise((64, 64, 3)) for interpolation in ("slerp", "lerp")
    }
    assert between["slerp"].std() == pytest.approx(1, abs=0.02)
    assert between["lerp"].std() == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_a_plane_has_the_seeds_at_its_corners(tiny_model):
    pictures = finished(sample_plane(tiny_model, [1, 2, 3, 4], 3, num_steps=3)).reshape(3, 3, *SHAPE)
    own = own_pictures(tiny_model, [1, 2, 3, 4])
    for corner, picture in zip((pictures[0, 0], pictures[0, 2], pictures[2, 0], pictures[2, 2]), own, strict=True):
        assert differ(corner, picture) <= 1


def test_any_point_of_a_plane_is_made_again_from_its_coordinates(tiny_model):
    pictures = finished(sample_plane(tiny_model, [1, 2, 3, 4], 4, num_steps=3))
    for picture, place in zip(pictures, places_of_plane([1, 2, 3, 4], 4), strict=True):
        noise = json.loads(json.dumps(place.to_json()))
        assert differ(finished(sample_at(tiny_model, noise, num_steps=3))[0], picture) <= 1


def test_the_upper_edge_of_a_plane_is_the_walk_between_its_corners():
    for position in (0, 0.3, 1):
        edge = Place((1, 2, 3, 4), (position, 0)).noise(SHAPE)
        walk = Place((1, 2), (position,)).noise(SHAPE)
        np.testing.assert_allclose(edge, walk, atol=1e-6)
    np.testing.assert_array_equal(walk, noise_from_seeds([2], SHAPE)[0])


@pytest.mark.parametrize("size", [0, 1, 17, 2.5, "4"])
def test_a_plane_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="2 to 16 rows and columns"):
        places_of_plane([1, 2, 3, 4], size)


WRONG_NOISES = [
    ({}, "has seeds, coordinates and interpolation"),
    ({"seeds": None}, "has seeds, coordinates and interpolation"),
    ({"coordinates": ["left"]}, "has seeds, coordinates and interpolation"),
    ({"seeds": [3]}, "1 seeds and 1 coordinates"),
    ({"seeds": [3, 8, 9]}, "3 seeds and 1 coordinates"),
    ({"coordinates": [0.1, 0.2]}, "2 seeds and 2 coordinates"),
    ({"coordinates": [1.5]}, "between 0 and 1"),
    ({"coordinates": [float("nan")]}, "between 0 and 1"),
    ({"seeds": [3, -1]}, "A seed is an integer"),
    ({"seeds": ["3", "8"]}, "A seed is an integer"),
    ({"interpolation": "cubic"}, "slerp or lerp, but is 'cubic'"),
    ({"interpolation": ["slerp"]}, "slerp or lerp"),
    ({"seeds": [1, 2, 3, 4], "coordinates": [0, 0], "interpolation": "lerp"}, "'slerp', but this one has 'lerp'"),
]


@pytest.mark.parametrize("wrong, because", WRONG_NOISES, ids=lambda value: str(value)[:30])
def test_a_noise_that_is_no_place_between_seeds_is_refused(wrong, because):
    noise = {"seeds": [3, 8], "coordinates": [0.5], "interpolation": "slerp", **wrong} if wrong else {}
    with pytest.raises(ValueError, match=because):
        Place.from_json(noise).noise(SHAPE)


def test_fresh_noise_has_no_place_on_a_plane(tiny_model):
    with pytest.raises(ValueError, match="eta must be 0"):
        next(sample_plane(tiny_model, [1, 2, 3, 4], 2, eta=0.5))


@pytest.mark.parametrize(("size", "side"), [(2, 8), (8, 64), (16, 64)])
def test_a_pixel_of_the_sheet_is_a_point_of_the_plane(size, side):
    centres = [(side * (place % size + 0.5), side * (place // size + 0.5)) for place in range(size**2)]
    points = [coordinates_at(centre, size, side) for centre in centres]
    np.testing.assert_allclose(points, [place.coordinates for place in places_of_plane([1, 2, 3, 4], size)], atol=5e-4)
    last = size * side - 1
    assert coordinates_at((0, last), size, side) == (0, 1)
    assert coordinates_at((size * side / 2, side), size, side) == (0.5, pytest.approx(0.5 / (size - 1), abs=5e-4))
