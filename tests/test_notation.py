import pytest

from ddim.diffusion.noise import parse_seeds
from ddim.diffusion.sampling import parse_step_counts
from ddim.notation import briefly


@pytest.mark.parametrize(
    "entries, counts",
    [
        ("1,2,5,10,20,50", (1, 2, 5, 10, 20, 50)),
        ("1-20", tuple(range(1, 21))),
        (" 3 , 1-2,  1 - 3 ,", (1, 2, 3)),
        ("20,5,5", (5, 20)),
        ("1000", (1000,)),
        ([1, "2", "4-5"], (1, 2, 4, 5)),
        ((50, 10), (10, 50)),
    ],
)
def test_step_counts_are_each_once_and_the_smallest_first(entries, counts):
    assert parse_step_counts(entries) == counts


WRONG_COUNTS = {
    "": "is empty",
    " , ,": "is empty",
    "5-1": "'5-1' runs backwards: write 1-5",
    "many": "'many' does not belong",
    "1,2,x": "'x' does not belong",
    "1.5": "'1.5' does not belong",
    "-3": "'-3' does not belong",
    "1-2-3": "'1-2-3' does not belong",
    "nan": "'nan' does not belong",
    "٣": "does not belong",
    "1e3": "does not belong",
    "9" * 5000: "does not belong",
    "0": "between 1 and 1000",
    "1001": "between 1 and 1000",
    "1-1000": "at most 50",
    "1-999,1": "at most 50",
    ",".join(["7"] * 51): "at most 50",
}


@pytest.mark.parametrize("entries, because", WRONG_COUNTS.items(), ids=lambda text: text[:12])
def test_what_is_no_list_of_step_counts_is_refused_with_the_reason(entries, because):
    with pytest.raises(ValueError, match=because) as error:
        parse_step_counts(entries)
    assert len(str(error.value)) < 150


@pytest.mark.parametrize("entries", [[], [None], [1.5], [float("nan")], ["1,2"], [True]])
def test_a_list_of_what_are_no_whole_numbers_is_refused(entries):
    with pytest.raises(ValueError, match="empty|does not belong"):
        parse_step_counts(entries)


def test_seeds_keep_their_order_and_may_come_back():
    assert parse_seeds("8,3-5,8", 1, 8) == (8, 3, 4, 5, 8)
    assert parse_seeds("4294967295", 1, 8) == (4294967295,)


@pytest.mark.parametrize(
    "entries, because",
    [
        (",".join(map(str, range(1000))), "at most 8"),
        ("0-999", "at most 8"),
        ("0-4294967295", "at most 8"),
        ("4294967296", "between 0 and 4294967295"),
        ("7", "2 to 8 seeds, but there is only 1"),
        ("", "empty"),
        ("3,rose", "'rose' does not belong"),
    ],
)
def test_what_is_no_list_of_seeds_is_refused_with_the_reason(entries, because):
    with pytest.raises(ValueError, match=because):
        parse_seeds(entries, 2, 8)


@pytest.mark.parametrize("value", [7, 0.05, "tea", None, [1, 2], float("nan")])
def test_what_is_short_is_told_as_python_writes_it(value):
    assert briefly(value) == repr(value)


def test_what_is_long_is_told_in_brief():
    for value in (10**100, 10**5000, "x" * 10**6, [["x" * 100] * 100] * 100, {"x": {"y": "z" * 1000}}):
        assert len(briefly(value)) < 100
