"""A result that is asked for by something else than the button of its tab: an address, a file, an earlier result."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from ddim.diffusion.sampling import parse_step_counts
from ddim.making.plane import parse_stops
from ddim.making.walk import WalkConfig
from ddim.ui.settings import MAX_SEEDS

AT_MOST = 16  # pictures that an address makes for whoever opens it; for more, they are asked

MAKE = "(wanted) => { window.playground.make(...(wanted || '').split(' ')); }"
SETTLE = "() => window.playground.settle()"


def made(tab: str) -> str:
    """JavaScript that keeps what this tab has made, and has the address bar say it if the tab is in sight."""
    return f"(address) => {{ window.playground.history.add(address); window.playground.made({tab!r}, address); }}"


def started(tab: str, names: Collection[str]) -> str:
    """JavaScript that has the address bar say what this tab makes, from the values of the settings of these names."""
    return f"(...values) => window.playground.started({tab!r}, {list(names)}, values)"


def opened(tab: str) -> str:
    """JavaScript that has the address bar say what this tab, which was opened, has made, if it has made anything."""
    return f"(address) => window.playground.opened({tab!r}, address)"


def first_result(tab: str) -> str:
    """JavaScript between a tab and the server: no weights where nothing is to be shown that ships with them.

    It gets weights and, in tabs with several kinds of results, the kind.
    """
    return f"""(weights, ...kind) => {{
        const asked = window.playground.askFirst({tab!r}, weights, ...kind);
        return kind.length ? [asked, ...kind] : asked;
    }}"""


def asks(tab: str, num_pictures: int) -> str:
    """What a tab says, as HTML, before it makes more pictures than an address may ask for by itself."""
    return f'<button type="button" class="show-these" data-make="{tab}">Show these {num_pictures} pictures</button>'


def wanted(tab: str, kept: Mapping[str, Any]) -> str:
    """What MAKE is to make with these settings: a tab, and the class of its button if it is not that of a whole run."""
    return f"{tab} show-point" if is_point(tab, kept) else tab


def is_point(tab: str, kept: Mapping[str, Any]) -> bool:
    """Whether the settings are those of one point of a plane, whose address, unlike that of a plane, has no size."""
    on_plane = tab == "interpolate" and kept.get("mode") == "plane"
    return on_plane and "size" not in kept and ("across" in kept or "down" in kept)


def num_pictures(tab: str, kept: Mapping[str, Any]) -> int:
    """How many pictures a tab makes with these settings, as they were read; 0 if they name no seed."""
    if "seeds" not in kept:
        return int(kept.get("num_images", 1)) if "seed" in kept else 0
    num_seeds = len(parse_stops(kept["seeds"], 1, MAX_SEEDS).seeds)
    if tab == "compare":
        axes = [parse_step_counts(kept.get("num_steps", "1")), str(kept.get("guidances") or 1).split(",")]
        axes += [kept.get(name) or ("",) for name in ("solvers", "class_names")]
        return num_seeds * math.prod(map(len, axes)) * (2 if kept.get("against") else 1)
    if tab == "interpolate" and kept.get("mode") == "plane":
        return int(kept.get("size", 1)) ** 2
    if tab == "interpolate":
        return int(kept.get("frames", WalkConfig().frames)) * (num_seeds - 1 + bool(kept.get("loop")))
    return num_seeds
