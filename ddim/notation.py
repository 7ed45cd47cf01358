"""Lists of numbers and counts, as people write and read them: "1,2,5,10" and "1-20", "1 step" and "2 steps"."""

import re
import reprlib
from collections.abc import Sequence

from ddim.errors import UserError

MAX_BRIEF = 80


def parse_numbers(entries: object, name: str, lowest: int, highest: int, at_most: int) -> list[int]:
    """Whole numbers in the order given, from text or from a list of texts and numbers.

    Errors call the numbers `name`. Raises UserError unless there are 1 to `at_most`, each from `lowest` to `highest`.
    """
    if not isinstance(entries, Sequence):  # neither text nor a list: refused as the text it looks like
        entries = str(entries)
    texts = entries.split(",") if isinstance(entries, str) else [str(entry) for entry in entries]
    numbers: list[int] = []
    for text in (text.strip() for text in texts if text.strip()):
        match = re.fullmatch(r"([0-9]{1,10})(?:\s*-\s*([0-9]{1,10}))?", text)
        if not match:
            raise UserError(f"{text[:20]!r} does not belong in a list of {name}: write it as 1,2,5 or as 1-20.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"{text!r} runs backwards: write {last}-{first}.")
        if first < lowest or last > highest:
            raise UserError(f"The {name} lie between {lowest} and {highest}, but the list has {text!r}.")
        if len(numbers) + last - first >= at_most:
            raise UserError(f"The list of {name} has at most {at_most} entries, but this one has more.")
        numbers += range(first, last + 1)
    if not numbers:
        raise UserError(f"The list of {name} is empty: write it as 1,2,5 or as 1-20.")
    return numbers


def written(value: object) -> str:
    """A value as people type it: yes, none, 1,2,5."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case tuple() | list():
            return ",".join(map(str, value))
        case _:
            return str(value)


def briefly(value: object) -> str:
    """Any value as a sentence about it tells it: as Python writes it, with the middle left out where that is long."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= MAX_BRIEF else f"{text[: MAX_BRIEF // 2]}...{text[-MAX_BRIEF // 2 :]}"


def written_numbers(numbers: Sequence[int]) -> str:
    """A list of numbers as people type it: 3-8 for more than two numbers in a row, 1,2,5 for any others."""
    is_row = len(numbers) > 2 and in_a_row(numbers)
    return f"{numbers[0]}-{numbers[-1]}" if is_row else written(tuple(numbers))


def in_a_row(numbers: Sequence[int]) -> bool:
    """Whether each number is one more than the number before it."""
    return list(numbers) == list(range(numbers[0], numbers[0] + len(numbers)))


def counted(number: int, noun: str) -> str:
    """1 step, 2 steps."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
