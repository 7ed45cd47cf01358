import itertools

import numpy as np
import pytest

from ddim.diffusion.noise import lerp, noise_from_seeds, noises_from_seeds, seed_plane, seed_range, slerp

SHAPE = (8, 8, 3)
SEED_BOUND = 2**32


def philox(seed):
    return np.random.Generator(np.random.Philox(key=seed))


@pytest.mark.parametrize("seed", [0, 7, SEED_BOUND - 1, np.uint32(5)])
def test_initial_noise_is_the_first_that_philox_draws_for_the_seed(seed):
    noise = noise_from_seeds([seed], SHAPE)
    assert noise.dtype == np.float32
    np.testing.assert_array_equal(noise, philox(int(seed)).standard_normal((1, *SHAPE), dtype=np.float32))


def test_noise_is_standard_normal():
    noise = noise_from_seeds(range(100), (16, 16, 3))
    assert abs(noise.mean()) < 4 / np.sqrt(noise.size)
    assert abs(noise.var() - 1) < 4 * np.sqrt(2 / noise.size)


def test_all_noises_of_a_seed_are_the_same_alone_and_in_any_place_of_a_batch():
    batch = list(itertools.islice(noises_from_seeds([3, 9, 4, 9], SHAPE), 4))
    alone = list(itertools.islice(noises_from_seeds([9], SHAPE), 4))
    for together, single in zip(batch, alone, strict=True):
        assert together.shape == (4, *SHAPE)
        np.testing.assert_array_equal(together[1], single[0])
        np.testing.assert_array_equal(together[3], single[0])


def test_different_seeds_and_different_steps_have_different_noises():
    first, second = itertools.islice(noises_from_seeds(range(50), SHAPE), 2)
    everything = np.concatenate([first, second]).reshape(100, -1)
    correlations = np.corrcoef(everything) - np.eye(100)
    assert np.abs(correlations).max() < 6 / np.sqrt(everything.shape[1])


@pytest.mark.parametrize("seed", [-1, SEED_BOUND, 1.0, "7", None])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=f"integer between 0 and {SEED_BOUND - 1}, but one is {seed!r}"):
        noise_from_seeds([0, seed], SHAPE)


def test_picture_i_of_a_request_has_seed_plus_i():
    assert seed_range(5, 3) == [5, 6, 7]
    assert seed_range(SEED_BOUND - 2, 2) == [SEED_BOUND - 2, SEED_BOUND - 1]


@pytest.mark.parametrize("seed, num_images", [(-1, 1), (SEED_BOUND, 1), (SEED_BOUND - 2, 3)])
def test_a_request_that_leaves_the_range_of_seeds_is_refused(seed, num_images):
    with pytest.raises(ValueError, match=f"Seeds lie between 0 and {SEED_BOUND - 1}"):
        seed_range(seed, num_images)


@pytest.mark.parametrize("num_images", [0, -3])
def test_a_request_for_no_pictures_is_refused(num_images):
    with pytest.raises(ValueError, match=f"at least 1, but is {num_images}"):
        seed_range(0, num_images)


@pytest.mark.parametrize("between", [slerp, lerp])
def test_ways_between_two_noises_begin_and_end_at_them(between):
    start, end = noise_from_seeds([1, 2], SHAPE)
    np.testing.assert_allclose(between(start, end, 0), start, atol=1e-6)
    np.testing.assert_allclose(between(start, end, 1), end, atol=1e-6)
    assert between(start, end, 0.3).dtype == np.float32


def test_slerp_turns_evenly_and_keeps_the_length():
    start, end = np.array([2.0, 0, 0]), np.array([0, 2.0, 0])
    for position in np.linspace(0, 1, 7):
        angle = position * np.pi / 2
        np.testing.assert_allclose(
            slerp(start, end, position), [2 * np.cos(angle), 2 * np.sin(angle), 0], rtol=0, atol=1e-15
        )


def test_slerp_keeps_the_variance_that_lerp_loses():
    start, end = noise_from_seeds([1, 2], (64, 64, 3))
    assert slerp(start, end, 0.5).var() == pytest.approx(1, abs=0.05)
    assert lerp(start, end, 0.5).var() == pytest.approx(0.5, abs=0.05)


def test_slerp_between_equal_noises_stays_there():
    (noise,) = noise_from_seeds([1], SHAPE)
    np.testing.assert_allclose(slerp(noise, noise, 0.4), noise, atol=1e-6)


def test_slerp_between_opposite_noises_is_finite():
    (noise,) = noise_from_seeds([1], SHAPE)
    np.testing.assert_allclose(slerp(noise, -noise, 0.25), noise / 2, atol=1e-6)


def test_the_seed_plane_has_its_four_noises_at_its_corners():
    corners = noise_from_seeds([1, 2, 3, 4], SHAPE)
    places = [(0, 0), (1, 0), (0, 1), (1, 1)]  # (across, down): top left, top right, bottom left, bottom right
    for corner, (across, down) in zip(corners, places, strict=True):
        np.testing.assert_allclose(seed_plane(corners, across, down), corner, atol=1e-6)


def test_the_edges_of_the_seed_plane_are_arcs_and_its_inside_keeps_the_variance():
    corners = noise_from_seeds([1, 2, 3, 4], (64, 64, 3))
    np.testing.assert_allclose(seed_plane(corners, 0.3, 0), slerp(corners[0], corners[1], 0.3), atol=1e-6)
    np.testing.assert_allclose(seed_plane(corners, 1, 0.3), slerp(corners[1], corners[3], 0.3), atol=1e-6)
    assert seed_plane(corners, 0.5, 0.5).var() == pytest.approx(1, abs=0.05)
