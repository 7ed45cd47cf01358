"""A recipe as text to be run elsewhere: Python for pictures, a command for files."""

import shlex
from dataclasses import asdict
from typing import Any

from ddim.diffusion.sampling import SampleConfig
from ddim.making.plane import Stops
from ddim.making.recipe import Recipe
from ddim.making.walk import WalkConfig
from ddim.notation import written

ALWAYS_TOLD = ("min_signal_rate", "max_signal_rate")  # a command would take those of the weights' training


def is_of_file(recipe: Recipe) -> bool:
    """Whether a command makes this again, rather than a few lines of Python."""
    return recipe.command in ("compare", "interpolate", "animate")


def snippet_of(recipe: Recipe) -> str:
    """What makes the pictures of `recipe` again without the page."""
    if recipe.place:
        return _python_of_steps("sample_at", f"{recipe.place.to_json()!r}", recipe)
    if recipe.command == "plane":
        class_names = f", class_names={list(recipe.class_names)!r}" if recipe.class_names else ""
        return _python_of_steps("sample_plane", f"{list(recipe.seeds)!r}, {recipe.size}{class_names}", recipe)
    return _command_line(recipe) if is_of_file(recipe) else _python_of_seeds(recipe)


def _python_of_seeds(recipe: Recipe) -> str:
    return "\n".join(
        [
            "import ddim",
            "",
            f"model = ddim.load({recipe.weights.weights!r})",
            "images = ddim.generate(",
            "    model,",
            f"    seeds=range({recipe.seeds[0]}, {recipe.seeds[-1] + 1}),",
            *_keywords(recipe),
            ")",
        ]
    )


def _python_of_steps(function: str, argument: str, recipe: Recipe) -> str:
    """As for seeds, by a function that yields steps: the last has the finished pictures, in [0, 1] but not clipped."""
    return "\n".join(
        [
            "import ddim",
            "",
            f"model = ddim.load({recipe.weights.weights!r})",
            f"*_, last_step = ddim.{function}(",
            "    model,",
            f"    {argument},",
            *_keywords(recipe),
            ")",
            "images = (255 * last_step.pred_images.clip(0, 1)).round().astype('uint8')",
        ]
    )


def _keywords(recipe: Recipe) -> list[str]:
    return [f"    {name}={value!r}," for name, value in recipe.config.to_json().items()]


def _command_line(recipe: Recipe) -> str:
    """Settings that the command has by default are left out."""
    values = asdict(recipe.config) | (asdict(recipe.walk) if recipe.walk else {})
    defaults = asdict(SampleConfig()) | asdict(WalkConfig())
    changed = {name: value for name, value in values.items() if name in ALWAYS_TOLD or value != defaults[name]}
    options: dict[str, Any] = {"weights": recipe.weights.weights, "seeds": recipe.seeds}
    if recipe.class_names and recipe.walk:
        options["seeds"] = Stops(tuple(recipe.seeds), tuple(recipe.class_names)).written()
    options |= {"num_steps": recipe.config.num_steps} | changed
    if recipe.command == "compare":
        options.pop("solver", None)
        ways = [
            f"{solver}:{recipe.node_placements[solver]}" if solver in recipe.node_placements else solver
            for solver in recipe.solvers
        ]
        options |= {"num_steps": recipe.step_counts, "solvers": ways}
        if recipe.against:
            options["against"] = recipe.against[0].weights
        options |= {"class_names": recipe.class_names} if recipe.class_names else {}
        options |= {"guidances": recipe.guidances} if recipe.guidances else {}
    parts = [f"python -m ddim {recipe.command}", *(_option(name, value) for name, value in options.items())]
    return " \\\n  ".join(parts)


def _option(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag}={shlex.quote(written(tuple(value) if isinstance(value, range) else value))}"
