import json

import numpy as np
import pytest
from tiny_pictures import SHAPE, differ, finished, own_pictures

from ddim.diffusion.noise import noise_from_seeds
from ddim.diffusion.sampling import SampleConfig
from ddim.making.generate import sample
from ddim.making.plane import Place, Stops, parse_stops, places_of_plane, sample_at, sample_plane


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


WISHES = ("rose", "sunflower", "tulip", None)


def test_between_seeds_classes_are_mixed_by_the_coordinates(species_model):
    walk = Place((3, 8), (0.25,), class_names=("rose", "tulip"))
    np.testing.assert_allclose(walk.class_weights(species_model, SampleConfig()), [0.75, 0, 0.25])
    plane = Place((1, 2, 3, 4), (0.5, 0.25), class_names=WISHES)
    drawn = species_model.class_weights([4], SampleConfig())[0]
    expected = 0.375 * np.eye(3)[0] + 0.375 * np.eye(3)[1] + 0.125 * np.eye(3)[2] + 0.125 * drawn
    np.testing.assert_allclose(plane.class_weights(species_model, SampleConfig()), expected, atol=1e-6)


def test_a_seed_without_a_wish_shows_what_the_settings_say(species_model):
    place = Place((3, 8), (0.5,), class_names=("rose", None))
    np.testing.assert_allclose(place.class_weights(species_model, SampleConfig(class_name="tulip")), [0.5, 0, 0.5])
    same = Place((3, 8), (0.5,)).class_weights(species_model, SampleConfig(class_name="tulip"))
    np.testing.assert_allclose(same, [0, 0, 1])


def test_a_plane_with_classes_has_the_pictures_of_its_corners_and_comes_back_from_its_places(species_model):
    plane = sample_plane(species_model, [1, 2, 3, 4], 3, class_names=WISHES, num_steps=3, guidance=2.0)
    pictures = finished(plane)
    for place, seed, wish in zip((0, 2, 6, 8), (1, 2, 3, 4), WISHES, strict=True):
        own = finished(sample(species_model, [seed], num_steps=3, guidance=2.0, class_name=wish))
        assert differ(pictures[place], own[0]) <= 1
    for picture, place in zip(pictures, places_of_plane([1, 2, 3, 4], 3, WISHES), strict=True):
        noise = json.loads(json.dumps(place.to_json()))
        again = finished(sample_at(species_model, noise, num_steps=3, guidance=2.0))
        assert differ(again[0], picture) <= 1


@pytest.mark.parametrize(
    "text, stops",
    [
        ("3,8", Stops((3, 8))),
        ("0-2", Stops((0, 1, 2))),
        ("3:rose, 8:black-eyed susan", Stops((3, 8), ("rose", "black-eyed susan"))),
        ("3, 8:tulip,5", Stops((3, 8, 5), (None, "tulip", None))),
        ([3, "8:tulip"], Stops((3, 8), (None, "tulip"))),
    ],
    ids=str,
)
def test_stops_are_seeds_each_with_a_class_if_it_has_a_wish(text, stops):
    assert parse_stops(text, 1, 8) == stops
    assert parse_stops(stops.written(), 1, 8) == stops


@pytest.mark.parametrize(
    "text, message",
    [("3:rose", "needs 2 to 8 seeds"), ("0-2:rose,5", "belongs to one seed"), ("rose,3", "'rose' does not belong")],
)
def test_what_are_no_stops_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_stops(text, 2, 8)


@pytest.mark.parametrize("size", [0, 1, 17, 2.5, "4"])
def test_a_plane_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="2 to 16 rows and columns"):
        places_of_plane([1, 2, 3, 4], size)


WRONG_NOISES = [
    ({}, "has seeds, coordinates and interpolation"),
    ({"seeds": None}, "has seeds, coordinates and interpolation"),
    ({"coordinates": ["left"]}, "has seeds, coordinates and interpolation"),
    ({"seeds": [3]}, "1 seeds and 1 coordinates"),
    ({"class_names": ["rose"]}, "1 classes for 2 seeds"),
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
