"""Lists of numbers as people type them: "1,2,5,10" and "1-20"."""

import re
from collections.abc import Sequence

from ddim.noise import SEED_BOUND
from ddim.sampling import MAX_NUM_STEPS

MAX_STEP_COUNTS = 50


def parse_step_counts(entries: str | Sequence[str | int]) -> tuple[int, ...]:
    """Numbers of steps, each once, the smallest first, from text or from a list of texts and numbers.

    Raises ValueError, with a sentence that says why, for what is no list of 1 to 50 numbers from 1 to 1000.
    """
    return tuple(sorted(set(_parse(entries, "numbers of steps", 1, MAX_NUM_STEPS, MAX_STEP_COUNTS))))


def parse_seeds(entries: str | Sequence[str | int], at_least: int, at_most: int) -> tuple[int, ...]:
    """Seeds in the order given. Raises ValueError for fewer or more than these bounds, and for what is no seed."""
    seeds = _parse(entries, "seeds", 0, SEED_BOUND - 1, at_most)
    if len(seeds) < at_least:
        raise ValueError(f"This needs {at_least} to {at_most} seeds, but there is only {len(seeds)}.")
    return tuple(seeds)


def written(numbers: Sequence[int]) -> str:
    """The list as people type it: 3-8 for more than two numbers in a row, 1,2,5 for any others."""
    return f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 2 and in_a_row(numbers) else ",".join(map(str, numbers))


def in_a_row(numbers: Sequence[int]) -> bool:
    """Whether each number is the one before it and one more."""
    return list(numbers) == list(range(numbers[0], numbers[0] + len(numbers)))


def _parse(entries: str | Sequence[str | int], name: str, lowest: int, highest: int, at_most: int) -> list[int]:
    if not isinstance(entries, Sequence):  # it comes from elsewhere, to be refused as the text it looks like
        entries = str(entries)
    texts = entries.split(",") if isinstance(entries, str) else [str(entry) for entry in entries]
    numbers = []
    for text in (text.strip() for text in texts if text.strip()):
        match = re.fullmatch(r"([0-9]{1,10})(?:\s*-\s*([0-9]{1,10}))?", text)
        if not match:
            raise ValueError(f"{text[:20]!r} does not belong in a list of {name}: write it as 1,2,5 or as 1-20.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"{text!r} runs backwards: write {last}-{first}.")
        if first < lowest or last > highest:
            raise ValueError(f"The {name} lie between {lowest} and {highest}, but the list has {text!r}.")
        if len(numbers) + last - first >= at_most:
            raise ValueError(f"The list of {name} has at most {at_most} entries, but this one has more.")
        numbers += range(first, last + 1)
    if not numbers:
        raise ValueError(f"The list of {name} is empty: write it as 1,2,5 or as 1-20.")
    return numbers
