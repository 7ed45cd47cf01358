import json

import pytest
from tiny_pictures import SHAPE, differ, finished, own_pictures

from ddim.diffusion.sampling import SampleConfig
from ddim.making.generate import sample
from ddim.making.plane import Place, sample_at
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate, places_of_walk, playback, strip_columns
from ddim.media.animation import ExportConfig

CONFIG = SampleConfig(num_steps=3)


@pytest.mark.parametrize("interpolation", ["slerp", "lerp"])
@pytest.mark.parametrize("easing", ["linear", "smooth"])
def test_a_walk_begins_and_ends_with_the_seeds_own_pictures_and_passes_the_others(tiny_model, interpolation, easing):
    walk = WalkConfig(frames=5, interpolation=interpolation, easing=easing)
    frames = finished(interpolate(tiny_model, [3, 8, 21], walk, CONFIG))
    own = own_pictures(tiny_model, [3, 8, 21])
    assert len(frames) == 10
    for frame, picture in zip(frames[[0, 5, 9]], own, strict=True):
        assert differ(frame, picture) <= 1
    assert differ(frames[2], own[0]) > 10


def test_a_loop_ends_just_before_it_begins_again(tiny_model):
    walk = WalkConfig(frames=4, loop=True)
    frames = finished(interpolate(tiny_model, [3, 8], walk, CONFIG))
    assert len(frames) == 8
    assert differ(frames[0], own_pictures(tiny_model, [3])[0]) <= 1
    assert differ(frames[4], own_pictures(tiny_model, [8])[0]) <= 1
    for forth, back in ((1, 7), (2, 6), (3, 5)):
        assert differ(frames[forth], frames[back]) <= 1


def test_places_are_even_or_slow_at_each_seed():
    even = [place.coordinates[0] for place in places_of_walk([3, 8], WalkConfig(frames=5))]
    assert even == [0, 0.25, 0.5, 0.75, 1]
    smooth = [place.coordinates[0] for place in places_of_walk([3, 8], WalkConfig(frames=5, easing="smooth"))]
    assert smooth == pytest.approx([0, 0.15625, 0.5, 0.84375, 1])
    assert places_of_walk([5, 6, 7], WalkConfig(frames=2, loop=True)) == [
        Place((5, 6), (0.0,)),
        Place((5, 6), (0.5,)),
        Place((6, 7), (0.0,)),
        Place((6, 7), (0.5,)),
        Place((7, 5), (0.0,)),
        Place((7, 5), (0.5,)),
    ]


def test_a_walk_goes_from_class_to_class(species_model):
    walk = WalkConfig(frames=3)
    frames = finished(interpolate(species_model, [3, 8, 21], walk, CONFIG, ("rose", "tulip", "rose")))
    for frame, seed, name in zip(frames[[0, 3, 5]], (3, 8, 21), ("rose", "tulip", "rose"), strict=True):
        assert differ(frame, finished(sample(species_model, [seed], CONFIG, class_name=name))[0]) <= 1
    places = places_of_walk([3, 8, 21], walk, ("rose", "tulip", "rose"))
    assert {place.class_names for place in places} == {("rose", "tulip"), ("tulip", "rose")}


@pytest.mark.parametrize(
    "num_seeds, loop, frames, fits", [(8, True, 300, 64), (8, False, 300, 73), (2, False, 513, 512)]
)
def test_a_walk_that_is_too_long_is_refused_with_what_would_fit(num_seeds, loop, frames, fits):
    with pytest.raises(ValueError, match=f"at most 512: up to {fits} frames a leg would fit"):
        places_of_walk(range(num_seeds), WalkConfig(frames, loop))
    assert len(places_of_walk(range(num_seeds), WalkConfig(fits, loop))) <= 512
    with pytest.raises(ValueError, match="at most 512"):
        places_of_walk(range(num_seeds), WalkConfig(fits + 1, loop))


@pytest.mark.parametrize("num_seeds", [0, 1, 9, 1000])
def test_a_walk_has_2_to_8_stops(num_seeds):
    with pytest.raises(ValueError, match=f"2 to 8 seeds as its stops, but {num_seeds}"):
        places_of_walk(range(num_seeds), WalkConfig())


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
        next(interpolate(tiny_model, [3, 8], WalkConfig(), SampleConfig(eta=1.0)))


def test_a_walk_yields_every_step(tiny_model):
    steps = list(interpolate(tiny_model, [3, 8], WalkConfig(frames=3), SampleConfig(num_steps=4, solver="unipc")))
    assert [step.nfe for step in steps] == [1, 2, 3, 4]
    assert all(step.pred_images.shape == step.noisy_images.shape == (3, *SHAPE) for step in steps)


@pytest.mark.parametrize("interpolation", ["slerp", "lerp"])
def test_the_recipe_of_a_frame_makes_it_again(tiny_model, interpolation):
    walk = WalkConfig(frames=4, loop=True, interpolation=interpolation, easing="smooth")
    frames = finished(interpolate(tiny_model, [3, 8, 21], walk, CONFIG))
    recipes = Recipe("interpolate", Weights.of(tiny_model), CONFIG, [3, 8, 21], walk=walk).pictures()
    assert len(recipes) == len(frames)
    for frame, recipe in zip(frames, json.loads(json.dumps([one.to_json() for one in recipes])), strict=True):
        assert "seed" not in recipe and "seeds" not in recipe
        again = finished(sample_at(tiny_model, recipe["noise"], num_steps=recipe["num_steps"]))[0]
        assert differ(frame, again) <= 1


def test_a_loop_holds_no_frame():
    assert playback(WalkConfig(loop=True)) == ExportConfig(hold_first=0, hold_last=0)
    assert playback(WalkConfig()) == ExportConfig()


def test_a_strip_is_wide_and_has_few_places_left_over():
    assert strip_columns(48) in (12, 16)
    for num_frames in range(2, 513):
        columns = strip_columns(num_frames)
        assert 2 <= columns**2 / num_frames <= 8
        assert -num_frames % columns <= 8
