"""What a source of pictures hands over, before any is decoded."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

from ddim.data.decoding import NOT_A_PICTURE

Split = Literal["train", "validation"]
NAMES_SHOWN = 3


class EncodedPicture(NamedTuple):
    """A picture before it is decoded, what to call it, and the name of its class, or nothing."""

    name: str
    file: Path | BytesIO
    class_name: str = ""


class LeftOut(NamedTuple):
    """A file that is not used, and why, in words that may follow a number of files."""

    name: str
    reason: str = NOT_A_PICTURE


class Source(NamedTuple):
    """The pictures of each split, in an order that never changes, and the files that are left out.

    `total` is the number of pictures, and `fingerprint` changes when any of them does.
    """

    pictures: Mapping[Split, Iterable[EncodedPicture]]
    left_out: list[LeftOut]
    total: int
    fingerprint: str


def told(left_out: list[LeftOut]) -> str:
    """What was left out and why, to end a sentence, or nothing."""
    if not left_out:
        return ""
    names: dict[str, list[str]] = {}
    for one in left_out:
        names.setdefault(one.reason, []).append(one.name)
    reasons = [
        f"{len(some):,} {reason}: {', '.join(sorted(some)[:NAMES_SHOWN])}{', ...' if len(some) > NAMES_SHOWN else ''}"
        for reason, some in sorted(names.items())
    ]
    return f"; {len(left_out):,} {'file' if len(left_out) == 1 else 'files'} left out ({'; '.join(reasons)})"
