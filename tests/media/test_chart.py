import numpy as np
import pytest
from decoding import has_colour

from ddim.media.chart import COLOURS, line_chart


def test_every_line_is_drawn_in_a_colour_of_its_own():
    lines = {f"line {index}": [(5, index + 1.0, 0.1), (50, index + 2.0, 0.1)] for index in range(7)}
    picture = line_chart(lines, "title", "x", "y")
    assert picture.dtype == np.uint8
    for colour in COLOURS[:7]:
        assert has_colour(picture, colour).sum() > 100


def test_lines_of_one_colour_are_told_apart_by_dashes():
    lines = {f"line {index}": [(5, float(index), 0), (50, float(index), 0)] for index in range(len(COLOURS) + 1)}
    blue = has_colour(line_chart(lines, "", "", ""), COLOURS[0])[:, :740]
    dashed, solid = (int(blue[rows].sum()) for rows in (slice(0, 200), slice(300, None)))
    assert 0.4 * solid < dashed < 0.8 * solid


def test_the_note_stands_below():
    plain, noted = (line_chart({"line": [(5, 1.0, 0), (50, 1.0, 0)]}, "", "", "", note) for note in ("", "of 64 x 64"))
    changed = np.nonzero((plain != noted).any(axis=(1, 2)))[0]
    assert len(changed) and changed.min() > 500


def test_more_is_higher_and_later_is_further_right():
    picture = line_chart({"rising": [(1, 0.0, 0), (100, 10.0, 0)]}, "", "", "")[:, :740]
    rows, columns = np.nonzero(has_colour(picture, COLOURS[0]))
    assert rows[columns.argmin()] > rows[columns.argmax()]


def test_one_point_and_numbers_below_zero_can_be_drawn():
    assert has_colour(line_chart({"floor": [(20, -0.1, 0)]}, "", "", ""), COLOURS[0]).any()


def test_a_line_that_is_far_off_leaves_at_the_top_and_the_others_stay_apart():
    lines = {"near": [(5, 10.0, 0), (50, 5.0, 0)], "far": [(5, 900.0, 0), (50, 5.0, 0)], "flat": [(5, 8.0, 0)]}
    picture = line_chart(lines, "", "", "")[:, :740]
    near, _ = np.nonzero(has_colour(picture, COLOURS[0]))
    far, _ = np.nonzero(has_colour(picture, COLOURS[1]))
    assert np.ptp(near) > 30
    assert far.min() == pytest.approx(55, abs=5)
