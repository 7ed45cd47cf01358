"""A recipe as text to be run elsewhere: Python for pictures, a command for files."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from ddim.interpolate import WalkConfig
from ddim.sampling import SampleConfig


def is_of_file(recipe: Mapping[str, Any]) -> bool:
    """Whether a command makes what this recipe tells of, and not a few lines of Python."""
    return recipe.get("command", "sample") in ("compare", "interpolate", "animate")


def snippet_of(recipe: Mapping[str, Any]) -> str:
    """What makes the pictures of `recipe` again without the page."""
    command = recipe.get("command", "sample")
    if "noise" in recipe:
        return _python("sample_at", f"{recipe['noise']!r}", recipe)
    if command == "plane":
        return _python("sample_plane", f"{recipe['seeds']!r}, {recipe['size']}", recipe)
    return _command_line(recipe) if is_of_file(recipe) else _python_of_seeds(recipe)


def _python_of_seeds(recipe: Mapping[str, Any]) -> str:
    first, count = recipe["seed"], recipe.get("num_images", 1)
    return "\n".join(
        [
            "import ddim",
            "",
            f"model = ddim.load({recipe['weights']!r})",
            "images = ddim.generate(",
            "    model,",
            f"    seeds=range({first}, {first + count}),",
            *_keywords(recipe),
            ")",
        ]
    )


def _python(function: str, argument: str, recipe: Mapping[str, Any]) -> str:
    """As for seeds, by a function of `between_seeds`, which yields steps: the last has the finished pictures."""
    return "\n".join(
        [
            "import ddim",
            f"from ddim.between_seeds import {function}",
            "from ddim.images import to_uint8",
            "",
            f"model = ddim.load({recipe['weights']!r})",
            f"*_, last_step = {function}(",
            "    model,",
            f"    {argument},",
            *_keywords(recipe),
            ")",
            "images = to_uint8(last_step.pred_images)",
        ]
    )


def _keywords(recipe: Mapping[str, Any]) -> list[str]:
    return [f"    {field.name}={recipe[field.name]!r}," for field in fields(SampleConfig)]


def _command_line(recipe: Mapping[str, Any]) -> str:
    """Settings that the command has by default are left out; its signal rates are those of training by default."""
    defaults = asdict(WalkConfig()) | asdict(SampleConfig()) | {"min_signal_rate": None, "max_signal_rate": None}
    options = {"weights": recipe["weights"], "seeds": recipe["seeds"], "num_steps": recipe["num_steps"]}
    options |= {"solvers": recipe["solvers"]} if "solvers" in recipe else {}
    options |= {"against": recipe["against"][0]["weights"]} if recipe.get("against") else {}
    options |= {name: recipe[name] for name in defaults if name in recipe and recipe[name] != defaults[name]}
    parts = [f"python -m ddim {recipe['command']}", *(_option(name, value) for name, value in options.items())]
    return " \\\n  ".join(parts)


def _option(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"--{flag}={shlex.quote(text)}"
