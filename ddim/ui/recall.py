"""Settings by their names: from an address, a file or another tab into the controls of a tab, and back."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import gradio as gr
from gradio.components import Component

from ddim import checkpoints
from ddim.noise import seed_range
from ddim.number_lists import in_a_row, parse_seeds, parse_step_counts, written
from ddim.sampling import SampleConfig
from ddim.ui.controls import NUMBERS, SamplingControls, choices_against, read_number, read_weights, trained_rates

SAMPLING = tuple(field.name for field in fields(SampleConfig))
WAY_OF_SAMPLING = ("solver", "eta", "node_placement")
ALWAYS_TOLD = ("num_steps", *WAY_OF_SAMPLING)
MAX_SEEDS = 64


class Setting(NamedTuple):
    """A control of a tab, and how a value in an address or a recipe becomes its own.

    `read` raises ValueError for what cannot be. `add`, where there is one, is asked instead of it for a picture that
    another tab sends: from what the control holds and the picture's value to what it shall hold.
    """

    control: Component
    read: Callable[[Any], Any]
    add: Callable[[Any, Any], Any] | None = None


Settings = Mapping[str, Setting]


def sampling_settings(sampling: SamplingControls) -> dict[str, Setting]:
    """The settings that are fields of SampleConfig and have a control."""
    controls = {name: getattr(sampling, name) for name in SAMPLING}
    return {name: Setting(controls[name], partial(_read_sampling, name)) for name in SAMPLING if controls[name]}


def weights_setting(control: gr.Dropdown, runs_dir: str | Path) -> Setting:
    return Setting(control, partial(read_weights, runs_dir=runs_dir))


def read_switch(value: Any) -> bool:
    """A switch as it arrives: true or false, or one of these words. Raises ValueError for anything else."""
    if str(value).lower() not in ("true", "false"):
        raise ValueError(f"This is either true or false, but is {value!r}.")
    return str(value).lower() == "true"


def first_seeds(at_most: int) -> Callable[[Any, Any], str]:
    """What a Setting may `add` with: of seeds that are sent, as many as the tab has room for, in place of its own."""
    return lambda held, sent: written(parse_seeds(sent, 1, MAX_SEEDS)[:at_most])


def tab_of(recipe: Mapping[str, Any]) -> str:
    """The tab that makes what this recipe tells of."""
    command = str(recipe.get("command", "sample"))
    if "noise" in recipe or command == "plane":
        return "interpolate"
    return "generate" if command == "sample" else command


def values_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe or an address tells, by the names of settings of any tab.

    Seeds are there in both forms that tabs have: `seed` and `num_images` for some in a row, and `seeds` as text. What
    makes no sense is left as it is, to be refused by those who read it.
    """
    values = dict(recipe)
    match recipe:
        case {"noise": {"seeds": [*seeds], "coordinates": [across, down]}}:
            values |= {"mode": "plane", "seeds": seeds, "across": across, "down": down}
        case {"noise": {"seeds": [*seeds], "interpolation": interpolation}}:
            values |= {"mode": "walk", "seeds": seeds, "interpolation": interpolation}
        case {"command": "plane"}:
            values |= {"mode": "plane"}
        case {"command": _} | {"seed": _}:
            values.setdefault("mode", "walk")
    match recipe:
        case {"solvers": [solver, *_]}:
            values["solver"] = solver
    if "solver" in values:
        values.setdefault("solvers", [values["solver"]])
    match recipe.get("against"):
        case [{"weights": name}, *_]:
            values["against"] = name
        case []:
            values["against"] = None
    with suppress(ValueError, TypeError):
        values |= _seeds_in_both_forms(values)
    return values


def read(
    settings: Settings, values: Mapping[str, Any], runs_dir: str | Path, held: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """What the controls of `settings` shall hold, and a sentence for whatever of `values` cannot be kept.

    `held` is what those hold now that a value can be added to, if a picture is sent.
    """
    kept, ignored, warnings = {}, [], []
    for name in settings.keys() & values.keys():
        try:
            add = settings[name].add if held and name in held else None
            kept[name] = add(held[name], values[name]) if add else settings[name].read(values[name])
        except (ValueError, TypeError):
            ignored.append(name)
    if "weights" in kept:
        with suppress(ValueError, OSError):  # who uses damaged weights is told
            trained = trained_rates(kept["weights"])
            kept |= {name: rate for name, rate in trained.items() if name in settings and name not in values}
    if kept.keys() & {"solver", "eta"}:  # then it is not the page's way of sampling, and the rest is as in a command
        defaults = asdict(SampleConfig())
        kept |= {name: defaults[name] for name in WAY_OF_SAMPLING if name in settings and name not in values}
    sampling = {name: kept[name] for name in SAMPLING if name in kept and name != "num_steps"}
    try:
        SampleConfig(**sampling)
    except ValueError:  # each is right, but they do not go together
        ignored += sampling.keys() & values.keys()
        kept = {name: kept[name] for name in kept if name not in sampling}
    if ignored:
        told = ", ".join(name for name in settings if name in ignored)
        warnings.append(f"Some of these settings cannot be; ignored were: {told}.")
    checksum = values.get("sha256", values.get("sha"))
    if checksum is not None and (warning := _warning_of_other_weights(kept, str(checksum), runs_dir)):
        warnings.append(warning)
    return kept, warnings


def updates_of(settings: Settings, kept: Mapping[str, Any], runs_dir: str | Path) -> list[Any]:
    """An update for each control of `settings`; weights can be chosen from what there is by now."""
    updates = {name: kept.get(name, gr.skip()) for name in settings}
    for name, choices in (("weights", checkpoints.available(runs_dir)), ("against", choices_against(runs_dir))):
        if name in settings:
            updates[name] = gr.Dropdown(choices, **({"value": kept[name]} if name in kept else {}))
    return list(updates.values())


def address_of(tab: str, settings: Settings, recipe: Mapping[str, Any]) -> str:
    """The query string that opens this tab with the settings of `recipe`; what is left out has its default.

    Signal rates are those of the weights' training by default.
    """
    values, defaults = values_of(recipe), asdict(SampleConfig()) | trained_rates(recipe["weights"])
    told = {
        name: _written(values[name])
        for name in settings
        if values.get(name) is not None and (name in ALWAYS_TOLD or values[name] != defaults.get(name))
    }
    return "?" + urlencode({"tab": tab, **told, "sha": recipe["sha256"][:8]}, safe=",")


def _read_sampling(name: str, value: Any) -> Any:
    if name == "num_steps":
        return read_number(name, max(parse_step_counts(value)) if isinstance(value, list | tuple) else value)
    if name in NUMBERS:
        return read_number(name, value)
    return getattr(SampleConfig(**{name: value}), name)


def _seeds_in_both_forms(values: Mapping[str, Any]) -> dict[str, Any]:
    if "seeds" in values:
        seeds = parse_seeds(values["seeds"], 1, MAX_SEEDS)
    elif "seed" in values:
        seeds = seed_range(read_number("seed", values["seed"]), read_number("num_images", values.get("num_images", 1)))
    else:
        return {}
    return {"seeds": written(seeds), "seed": seeds[0], "num_images": len(seeds) if in_a_row(seeds) else 1}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _warning_of_other_weights(kept: Mapping[str, Any], sha: str, runs_dir: str | Path) -> str | None:
    names = [kept["weights"]] if "weights" in kept else checkpoints.available(runs_dir)[:1]
    for name in names:
        try:
            checksum = checkpoints.read_card(checkpoints.find(name))["sha256"]
        except (ValueError, OSError) as error:
            return str(error)
        if not sha or not checksum.startswith(sha):
            return f"The weights {name} are not those that were used, so its pictures will look different."
    return None
