import numpy as np
import pytest

from ddim.evaluation.precision_recall import nearest, precision_recall


def features(count, seed, centre=0.0):
    return np.random.default_rng(seed).normal(centre, 1, (count, 4)).astype(np.float32)


def slow_precision(real, generated):
    """The definition, one pair at a time."""
    inside = 0
    for picture in generated:
        for index, one in enumerate(real):
            others = sorted(np.linalg.norm(one - other) for other in np.delete(real, index, axis=0))
            if np.linalg.norm(picture - one) <= others[2]:
                inside += 1
                break
    return inside / len(generated)


def test_precision_and_recall_are_what_their_definition_says():
    real, generated = features(30, 0), features(30, 1, centre=1.0)
    precision, recall = precision_recall(real, generated)
    assert precision == pytest.approx(slow_precision(real, generated))
    assert recall == pytest.approx(slow_precision(generated, real))


def test_sets_far_apart_share_nothing_and_a_set_shares_all_with_itself():
    real = features(50, 0)
    assert precision_recall(real, features(50, 1, centre=100.0)) == (0, 0)
    assert precision_recall(real, real) == (1, 1)


def test_of_sets_sorted_by_category_a_part_of_the_larger_covers_all_categories():
    categories = 20 * np.eye(10, dtype=np.float32).repeat(100, axis=0)
    larger = categories + np.random.default_rng(0).normal(size=categories.shape)
    smaller = categories[::5] + np.random.default_rng(1).normal(size=categories[::5].shape)
    random = np.random.default_rng(2).permutation(1000)[:200]
    expected = precision_recall(larger[random], smaller)
    assert min(expected) > 0.4
    assert precision_recall(larger, smaller) == pytest.approx(expected, abs=0.1)
    assert precision_recall(smaller, larger)[::-1] == pytest.approx(expected, abs=0.1)
    assert precision_recall(larger, smaller) == precision_recall(larger, smaller)
    in_order = precision_recall(larger[:200], smaller)
    assert in_order.precision < expected.precision / 2


def test_one_repeated_picture_is_precise_but_recalls_little():
    real = features(200, 0)
    generated = np.repeat(real[:1], 200, axis=0) + features(200, 2) * 1e-3
    precision, recall = precision_recall(real, generated)
    assert precision == 1
    assert recall < 0.1


def test_nearest_finds_each_row_again():
    others = features(40, 0)
    order = np.random.default_rng(1).permutation(40)
    indices, distances = nearest(others[order], others)
    np.testing.assert_array_equal(indices, order)
    assert distances.max() < 1e-3
