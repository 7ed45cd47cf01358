"""What the panel for taking a file away says and begins with."""

import pytest

from ddim.ui.export import KINDS, told


def test_the_kind_that_everybody_can_play_comes_first():
    assert list(KINDS) == [".mp4", ".gif", ".webp", ".png", ".zip"]


@pytest.mark.parametrize(
    ("size", "sentence"),
    [(1_664_000, "About 1.7 MB"), (13_230_000, "About 13 MB"), (250_000, "About 0.25 MB"), (9_000, "Less than 0.1 MB")],
)
def test_a_size_is_told_as_people_say_it(size, sentence):
    assert told(size) == sentence
