import numpy as np
import pytest

from ddim.diffusion.noise import noise_from_seeds
from ddim.diffusion.sampling import SampleConfig
from ddim.making.generate import MAX_NUM_IMAGES, generate, sample
from ddim.media.images import to_uint8
from ddim.model.classes import drawn_class

DETERMINISTIC = {"num_steps": 6}
STOCHASTIC = {"num_steps": 6, "eta": 1.0}


def apart(images, other_images):
    return np.abs(images.astype(int) - other_images.astype(int)).max()


@pytest.mark.parametrize("settings", [DETERMINISTIC, STOCHASTIC, {"num_steps": 6, "solver": "unipc"}], ids=str)
def test_one_seed_is_one_picture_whatever_the_batch(tiny_model, settings):
    alone = generate(tiny_model, [37], **settings)
    for seeds in (range(37, 41), range(20, 41), [5, 37, 5], [37, 37]):
        images = generate(tiny_model, seeds, **settings)
        for place, seed in enumerate(seeds):
            if seed == 37:
                assert apart(images[place], alone[0]) <= 1
            else:
                assert apart(images[place], alone[0]) > 10


def test_one_seed_is_one_picture_whatever_was_made_between(tiny_model):
    first = generate(tiny_model, [1, 2], **STOCHASTIC)
    generate(tiny_model, [3], **STOCHASTIC)
    np.testing.assert_array_equal(generate(tiny_model, [1, 2], **STOCHASTIC), first)


@pytest.mark.parametrize(
    "asked", [{}, {"class_name": "tulip"}, {"guidance": 2.0}, {"class_name": "rose", "guidance": 3.0}]
)
def test_one_seed_is_one_picture_with_class_and_guidance_whatever_the_batch(species_model, asked):
    alone = generate(species_model, [37], num_steps=4, **asked)
    for seeds in ([37, 38], [5, 6, 37], [37] * 9):
        images = generate(species_model, seeds, num_steps=4, **asked)
        assert apart(images[seeds.index(37)], alone[0]) <= 1


def test_class_and_guidance_change_the_picture_and_any_class_is_the_one_the_seed_draws(species_model):
    pictures = {name: generate(species_model, [4], num_steps=4, class_name=name) for name in species_model.classes}
    assert apart(pictures["rose"], pictures["tulip"]) > 1
    drawn = drawn_class(4, species_model.classes)
    np.testing.assert_array_equal(generate(species_model, [4], num_steps=4), pictures[drawn])
    assert apart(generate(species_model, [4], num_steps=4, guidance=3.0), pictures[drawn]) > 1


def test_generate_is_the_last_step_of_sample(tiny_model):
    *_, last = sample(tiny_model, [7, 8], **DETERMINISTIC)
    images = generate(tiny_model, [7, 8], **DETERMINISTIC)
    assert images.shape == (2, 8, 8, 3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, to_uint8(last.pred_images))


def test_steps_of_sample_are_pictures_in_the_range_of_pixels(tiny_model):
    steps = list(sample(tiny_model, [7], **DETERMINISTIC))
    assert [step.index for step in steps] == list(range(6))
    assert [step.nfe for step in steps] == list(range(1, 7))
    first_noise = tiny_model.normalize(steps[0].noisy_images)
    np.testing.assert_allclose(first_noise, noise_from_seeds([7], (8, 8, 3)), atol=1e-5)
    assert {step.pred_images.dtype for step in steps} == {np.dtype(np.float32)}


@pytest.mark.parametrize("field", ["num_steps", "solver", "eta", "variance", "node_placement", "max_signal_rate"])
def test_every_setting_changes_the_picture(tiny_model, field):
    base = {"num_steps": 5, "eta": 0.0 if field == "solver" else 0.5}
    other = {
        "num_steps": 6,
        "solver": "heun",
        "eta": 1.0,
        "variance": "large",
        "node_placement": "inclusive",
        "max_signal_rate": 0.8,
    }
    changed = generate(tiny_model, [0], **{**base, field: other[field]})
    assert apart(changed, generate(tiny_model, [0], **base)) > 1


def test_min_signal_rate_is_where_sampling_starts(tiny_model):
    changed = generate(tiny_model, [0], num_steps=5, min_signal_rate=0.2)
    assert apart(changed, generate(tiny_model, [0], num_steps=5)) > 1


def test_the_defaults_are_those_of_the_tutorial():
    assert SampleConfig() == SampleConfig(20, "ddim", 0.0, "posterior", "reference", 0.02, 0.95, None, 1.0)


@pytest.mark.parametrize(
    "config, diffusion_times",
    [
        (SampleConfig(1), [1]),
        (SampleConfig(4), [1, 0.75, 0.5, 0.25]),
        (SampleConfig(1, node_placement="inclusive"), [1]),
        (SampleConfig(5, node_placement="inclusive"), [1, 0.75, 0.5, 0.25, 0]),
        (SampleConfig(1, node_placement="early"), [1]),
        (SampleConfig(3, node_placement="early"), [1, 1 - 0.5**1.7, 0]),
    ],
    ids=str,
)
def test_nodes_lie_where_their_placement_says(config, diffusion_times):
    np.testing.assert_allclose(config.diffusion_times(), diffusion_times, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_steps": 0}, "num_steps must be an integer from 1 to 1000, but is 0"),
        ({"num_steps": 1001}, "num_steps must be an integer from 1 to 1000, but is 1001"),
        ({"num_steps": 2.0}, "num_steps must be an integer from 1 to 1000, but is 2.0"),
        ({"solver": "euler"}, "solver must be one of ddim, heun, ab2, ab3, ab4, dpmpp2m, unipc, but is 'euler'"),
        ({"variance": "small"}, "variance must be one of posterior, large, but is 'small'"),
        ({"node_placement": "even"}, "node_placement must be one of reference, inclusive, early, but is 'even'"),
        ({"guidance": -1.0}, "guidance must be between 0 and 10, but is -1.0"),
        ({"guidance": float("nan")}, "guidance must be between 0 and 10, but is nan"),
        ({"eta": -0.1}, "eta must be between 0 and 1, but is -0.1"),
        ({"eta": 1.5}, "eta must be between 0 and 1, but is 1.5"),
        ({"eta": float("nan")}, "eta must be between 0 and 1, but is nan"),
        ({"eta": 0.5, "solver": "heun"}, "Only the solver 'ddim' can add noise: with 'heun', eta must be 0"),
        ({"min_signal_rate": 0.0}, "0 < min_signal_rate < max_signal_rate <= 1, but they are 0.0 and 0.95"),
        ({"max_signal_rate": 1.1}, "0 < min_signal_rate < max_signal_rate <= 1, but they are 0.02 and 1.1"),
        ({"node_placement": "inclusive", "max_signal_rate": 1.0}, "max_signal_rate must be below 1"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused_with_what_would_be_right(tiny_model, settings, message):
    with pytest.raises(ValueError, match=message):
        SampleConfig(**settings)
    with pytest.raises(ValueError, match=message):
        generate(tiny_model, [0], **settings)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(tiny_model, seed):
    with pytest.raises(ValueError, match="A seed is an integer between 0 and 4294967295"):
        generate(tiny_model, [seed])


@pytest.mark.parametrize("num_images", [0, MAX_NUM_IMAGES + 1, 10_000])
def test_too_many_or_no_pictures_are_refused(tiny_model, num_images):
    with pytest.raises(ValueError, match=f"makes 1 to 1024 pictures, but {num_images} seeds were given"):
        generate(tiny_model, range(num_images))


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("placement", ["reference", "inclusive"])
def test_one_step_is_a_single_look_at_the_noise(tiny_model, placement, eta):
    (step,) = sample(tiny_model, [3], num_steps=1, node_placement=placement, eta=eta)
    rates = SampleConfig().schedule()(1.0)
    expected = tiny_model.denoise(noise_from_seeds([3], (8, 8, 3)), rates).images
    np.testing.assert_allclose(tiny_model.normalize(step.pred_images), expected, rtol=1e-4, atol=1e-4)
