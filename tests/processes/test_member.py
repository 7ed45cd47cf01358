import numpy as np
import pytest

from ddim.processes.member import ALONE, Member


@pytest.mark.parametrize("count", [0, 1, 3, 64, 65])
@pytest.mark.parametrize("processes", [1, 2, 5])
def test_each_thing_is_the_part_of_one_process_and_parts_are_about_equal(count, processes):
    parts = [Member(process, processes).part(count) for process in range(processes)]
    assert [place for part in parts for place in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_who_is_alone_has_everything_and_waits_for_nobody():
    rows = np.arange(6.0).reshape(3, 2)
    with ALONE.first():
        np.testing.assert_array_equal(ALONE.gathered(rows, 3), rows)
    ALONE.check_alike("anything")
    assert ALONE.writes and ALONE.greatest(7) == 7
