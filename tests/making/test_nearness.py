import math

import numpy as np
import pytest

from ddim.diffusion.sampling import SampleConfig
from ddim.making.compare import Cell
from ddim.making.nearness import Curve, Point, curves_of, mean_square_error, psnr, reference_of, steps_as_near


def cell_of(grey, num_steps, solver="ddim", weights="a", **asked):
    config = SampleConfig(num_steps=num_steps, solver=solver, **asked)
    return Cell(weights, config, np.full((2, 4, 4, 3), grey, np.uint8), config.nfe, 0.0)


def points(curves):
    return {(curve.weights, curve.solver, curve.guidance): list(map(tuple, curve.points)) for curve in curves}


def of_difference(grey):
    return pytest.approx(20 * math.log10(255 / grey))


def test_all_solvers_are_measured_from_the_longest_run_of_the_most_exact():
    cells = [cell_of(100, 1), cell_of(120, 20), cell_of(90, 1, "unipc"), cell_of(110, 20, "unipc")]
    cells += [cell_of(107, 2, "heun")]
    assert points(curves_of(cells)) == {
        ("a", "ddim", 1.0): [(1, 1, of_difference(10)), (20, 20, of_difference(10))],
        ("a", "unipc", 1.0): [(1, 1, of_difference(20))],
        ("a", "heun", 1.0): [(2, 3, of_difference(3))],
    }


def test_weights_classes_and_guidances_have_references_of_their_own_and_classes_share_a_curve():
    cells = [cell_of(100, 1), cell_of(104, 5), cell_of(50, 1, weights="b"), cell_of(57, 5, weights="b")]
    cells += [cell_of(10, 1, guidance=2.0, class_name="rose"), cell_of(20, 5, guidance=2.0, class_name="rose")]
    cells += [cell_of(70, 1, guidance=2.0, class_name="tulip"), cell_of(70, 5, guidance=2.0, class_name="tulip")]
    both = pytest.approx(10 * math.log10(255**2 / ((10**2 + 0) / 2)))
    assert points(curves_of(cells)) == {
        ("a", "ddim", 1.0): [(1, 1, of_difference(4))],
        ("b", "ddim", 1.0): [(1, 1, of_difference(7))],
        ("a", "ddim", 2.0): [(1, 2, both)],
    }


def test_a_single_way_to_sample_is_its_own_reference():
    cell = cell_of(9, 5)
    assert reference_of("a", cell.config, [("a", cell.config)]) == cell.config
    assert [list(curve.points) for curve in curves_of([cell])] == [[]]


def test_psnr_is_the_textbooks():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), np.uint8)
    references = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 3), np.uint8)
    mean_square = sum((int(a) - int(b)) ** 2 for a, b in zip(images.flat, references.flat, strict=True)) / images.size
    assert psnr(mean_square_error(images, references)) == pytest.approx(10 * np.log10(255**2 / mean_square))
    assert psnr(mean_square_error(images, images)) == math.inf


@pytest.mark.parametrize(
    ("nearness", "steps"),
    [
        (9.0, 0),
        (10.0, 0),
        (15.0, 10 ** (1 / 2)),  # half way in dB is half way in the logarithm of 1 and 10
        (20.0, 10),
        (26.0, math.inf),
    ],
)
def test_between_numbers_of_steps_nearness_is_even_in_their_logarithm(nearness, steps):
    curve = Curve("a", "ddim", 1.0, [Point(1, 1, 10.0), Point(10, 10, 20.0), Point(100, 100, 25.0)])
    assert steps_as_near(curve, nearness) == pytest.approx(steps)


def test_a_curve_that_falls_back_counts_from_where_it_stays():
    curve = Curve("a", "ddim", 1.0, [Point(1, 1, 30.0), Point(2, 2, 20.0), Point(8, 8, 30.0), Point(20, 20, math.inf)])
    assert steps_as_near(curve, 25.0) == pytest.approx(4)
    assert steps_as_near(curve, 50.0) == 20  # nothing lies half way to equal pictures
