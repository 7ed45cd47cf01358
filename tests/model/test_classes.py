import numpy as np
import pytest

from ddim.model.classes import class_weights_of, classes_of, drawn_class, find_class

CLASSES = {"Black-eyed Susan": 20, "rose": 60, "sunflower": 20}


def test_classes_are_counted_in_alphabetical_order_without_rare_ones_and_pictures_that_have_none():
    names = ["rose"] * 12 + ["", "tulip"] + ["aster"] * 10 + ["lily"] * 9
    assert list(classes_of(names).items()) == [("aster", 10), ("rose", 12)]


def test_class_weights_are_one_for_the_class_and_zero_for_what_is_none():
    weights = class_weights_of(["sunflower", "tulip", "rose", ""], CLASSES)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, [[0, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_any_class_is_drawn_by_the_seed_alone_as_often_as_training_showed_it():
    drawn = [drawn_class(seed, CLASSES) for seed in range(2000)]
    assert drawn[:50] == [drawn_class(seed, CLASSES) for seed in range(50)]
    for name, count in CLASSES.items():
        share = count / 100
        assert drawn.count(name) / 2000 == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 2000))


def test_a_class_is_found_however_its_letters_are_written():
    assert find_class(" black-EYED susan ", CLASSES) == "Black-eyed Susan"


def test_an_unknown_class_is_refused_with_those_that_are_near():
    with pytest.raises(ValueError, match="know no class 'sunflowr'. Near it are: sunflower."):
        find_class("sunflowr", CLASSES)
    with pytest.raises(ValueError, match="know no class 'zzz'.$"):
        find_class("zzz", CLASSES)
