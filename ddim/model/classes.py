"""The classes that a network can be asked for, such as species: their names, and how often training showed each.

A network takes class weights (B, num_classes), a row for each picture: one class, a mixture, or zeros for any class.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from ddim.errors import UserError

MIN_PICTURES = 10


def classes_of(class_names: Sequence[str]) -> dict[str, int]:
    """The classes among the names (N,) of training pictures, with counts, in alphabetical order.

    Those with fewer than 10 pictures are left out: a network would learn the pictures by heart, not the class.
    """
    names, counts = np.unique([name for name in class_names if name], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True) if count >= MIN_PICTURES}


def class_weights_of(class_names: Sequence[str], classes: Mapping[str, int]) -> np.ndarray:
    """Class weights (B, num_classes) float32: a row of a name that is no class is zero, which means any."""
    weights = np.zeros((len(class_names), len(classes)), np.float32)
    places = {name: place for place, name in enumerate(classes)}
    for row, name in zip(weights, class_names, strict=True):
        if name in places:
            row[places[name]] = 1
    return weights


def drawn_class(seed: int, classes: Mapping[str, int]) -> str:
    """The class of a seed's picture where any will do: drawn as often as training showed it, by the seed alone."""
    # A generator of its own: the seed's first one draws nothing but noise.
    generator = np.random.Generator(np.random.Philox(key=[seed, 1]))
    counts = np.array(list(classes.values()), np.float64)
    return str(generator.choice(list(classes), p=counts / counts.sum()))


def find_class(name: str, classes: Mapping[str, int]) -> str:
    """The class of this name, however its letters are written. Raises UserError with those that are near."""
    by_lower_case = {known.lower(): known for known in classes}
    found = by_lower_case.get(name.strip().lower())
    if found is None:
        near = get_close_matches(name.lower(), by_lower_case, n=3)
        advice = f" Near it are: {', '.join(by_lower_case[match] for match in near)}." if near else ""
        raise UserError(f"These weights know no class {name!r}.{advice}")
    return found
