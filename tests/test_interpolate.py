import json

import numpy as np
import pytest

from ddim.animation import ExportConfig
from ddim.between_seeds import noise_of, plane_points, recipe_at, recipe_of_plane, sample_at, sample_plane
from ddim.interpolate import WalkConfig, interpolate, places_of, playback, recipe_of_walk, recipes_of_frames
from ddim.noise import noise_from_seeds
from ddim.sampling import sample

SHAPE = (8, 8, 3)


def finished(steps):
    """The last pictures in units of 1/255, not clipped: the tiny network's would be mostly black and white."""
    *_, last = steps
    return 255 * last.pred_images


def own_pictures(model, seeds):
    return finished(sample(model, seeds, num_steps=3))


def differ(one, other):
    return np.abs(one - other).max()


@pytest.mark.parametrize("interpolation", ["slerp", "lerp"])
@pytest.mark.parametrize("easing", ["linear", "smooth"])
def test_a_walk_begins_and_ends_with_the_seeds_own_pictures_and_passes_the_others(tiny_model, interpolation, easing):
    walk = WalkConfig(frames=5, interpolation=interpolation, easing=easing)
    frames = finished(interpolate(tiny_model, [3, 8, 21], walk, num_steps=3))
    own = own_pictures(tiny_model, [3, 8, 21])
    assert len(frames) == 10
    for frame, picture in zip(frames[[0, 5, 9]], own, strict=True):
        assert differ(frame, picture) <= 1
    assert differ(frames[2], own[0]) > 10


def test_a_loop_ends_just_before_it_begins_again(tiny_model):
    walk = WalkConfig(frames=4, loop=True)
    frames = finished(interpolate(tiny_model, [3, 8], walk, num_steps=3))
    assert len(frames) == 8
    assert differ(frames[0], own_pictures(tiny_model, [3])[0]) <= 1
    assert differ(frames[4], own_pictures(tiny_model, [8])[0]) <= 1
    for forth, back in ((1, 7), (2, 6), (3, 5)):
        assert differ(frames[forth], frames[back]) <= 1


def test_places_are_even_or_slow_at_each_seed():
    even = [place.position for place in places_of(2, WalkConfig(frames=5))]
    assert even == [0, 0.25, 0.5, 0.75, 1]
    smooth = [place.position for place in places_of(2, WalkConfig(frames=5, easing="smooth"))]
    assert smooth == pytest.approx([0, 0.15625, 0.5, 0.84375, 1])
    assert places_of(3, WalkConfig(frames=2, loop=True)) == [
        (0, 1, 0), (0, 1, 0.5), (1, 2, 0), (1, 2, 0.5), (2, 0, 0), (2, 0, 0.5)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "num_seeds, loop, frames, fits", [(8, True, 300, 64), (8, False, 300, 73), (2, False, 513, 512)]
)
def test_a_walk_that_is_too_long_is_refused_with_what_would_fit(num_seeds, loop, frames, fits):
    with pytest.raises(ValueError, match=f"at most 512: up to {fits} frames a way would fit"):
        places_of(num_seeds, WalkConfig(frames, loop))
    assert len(places_of(num_seeds, WalkConfig(fits, loop))) <= 512
    with pytest.raises(ValueError, match="at most 512"):
        places_of(num_seeds, WalkConfig(fits + 1, loop))


@pytest.mark.parametrize("num_seeds", [0, 1, 9, 1000])
def test_a_walk_has_2_to_8_stops(num_seeds):
    with pytest.raises(ValueError, match=f"2 to 8 seeds as its stops, but {num_seeds}"):
        places_of(num_seeds, WalkConfig())


@pytest.mark.parametrize(
    "wrong",
    [{"frames": 1}, {"frames": 2.5}, {"frames": "many"}, {"interpolation": "cubic"}, {"easing": "bouncy"}],
    ids=str,
)
def test_a_wrong_setting_of_a_walk_is_refused_by_its_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be"):
        WalkConfig(**wrong)


def test_fresh_noise_has_no_place_between_seeds(tiny_model):
    with pytest.raises(ValueError, match="eta must be 0, but is 1.0: with fresh noise"):
        next(interpolate(tiny_model, [3, 8], WalkConfig(), eta=1.0))
    with pytest.raises(ValueError, match="eta must be 0"):
        next(sample_plane(tiny_model, [1, 2, 3, 4], 2, eta=0.5))


def test_a_walk_yields_every_step(tiny_model):
    steps = list(interpolate(tiny_model, [3, 8], WalkConfig(frames=3), num_steps=4, solver="unipc"))
    assert [step.nfe for step in steps] == [1, 2, 3, 4]
    assert all(step.pred_images.shape == step.noisy_images.shape == (3, *SHAPE) for step in steps)


@pytest.mark.parametrize("interpolation", ["slerp", "lerp"])
def test_the_recipe_of_a_frame_makes_it_again(tiny_model, interpolation):
    walk = WalkConfig(frames=4, loop=True, interpolation=interpolation, easing="smooth")
    frames = finished(interpolate(tiny_model, [3, 8, 21], walk, num_steps=3))
    frame_recipes = recipes_of_frames(tiny_model, tiny_model.sample_config(num_steps=3), [3, 8, 21], walk)
    assert len(frame_recipes) == len(frames)
    for frame, recipe in zip(frames, json.loads(json.dumps(frame_recipes)), strict=True):
        assert "seed" not in recipe and "seeds" not in recipe
        again = finished(sample_at(tiny_model, recipe["noise"], num_steps=recipe["num_steps"]))[0]
        assert differ(frame, again) <= 1


def test_the_recipe_of_a_walk_has_all_that_decides_it(tiny_model):
    walk = WalkConfig(frames=5, loop=True, interpolation="lerp", easing="smooth")
    recipe = json.loads(json.dumps(recipe_of_walk(tiny_model, tiny_model.sample_config(num_steps=3), (3, 8), walk)))
    assert (recipe["command"], recipe["seeds"], recipe["num_steps"], recipe["eta"]) == ("interpolate", [3, 8], 3, 0.0)
    assert WalkConfig(**{name: recipe[name] for name in ("frames", "loop", "interpolation", "easing")}) == walk


def test_noise_on_the_sphere_keeps_its_length_and_noise_on_the_line_does_not():
    between = {
        interpolation: noise_of({"seeds": [3, 8], "coordinates": [0.5], "interpolation": interpolation}, (64, 64, 3))
        for interpolation in ("slerp", "lerp")
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
    config = tiny_model.sample_config(num_steps=3)
    for picture, point in zip(pictures, plane_points(4), strict=True):
        recipe = json.loads(json.dumps(recipe_at(tiny_model, config, [1, 2, 3, 4], point)))
        assert differ(finished(sample_at(tiny_model, recipe["noise"], num_steps=3))[0], picture) <= 1
    assert recipe_of_plane(tiny_model, config, [1, 2, 3, 4], 4)["seeds"] == [1, 2, 3, 4]


def test_the_upper_edge_of_a_plane_is_the_walk_between_its_corners():
    for position in (0, 0.3, 1):
        edge = noise_of({"seeds": [1, 2, 3, 4], "coordinates": [position, 0], "interpolation": "slerp"}, SHAPE)
        walk = noise_of({"seeds": [1, 2], "coordinates": [position], "interpolation": "slerp"}, SHAPE)
        np.testing.assert_allclose(edge, walk, atol=1e-6)
    np.testing.assert_array_equal(walk, noise_from_seeds([2], SHAPE)[0])


@pytest.mark.parametrize("size", [0, 1, 17, 2.5, "4"])
def test_a_plane_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="2 to 16 rows and columns"):
        plane_points(size)


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
        noise_of(noise, SHAPE)


def test_a_loop_holds_no_frame_unless_told():
    assert (playback(WalkConfig(loop=True)).hold_first, playback(WalkConfig(loop=True)).hold_last) == (0, 0)
    assert playback(WalkConfig(loop=True), hold_last=2.0).hold_last == 2
    assert playback(WalkConfig(), factor=2) == ExportConfig(factor=2)
