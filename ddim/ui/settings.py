"""Settings by their names: from an address, a file or another tab into the controls of a tab, and back."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

import gradio as gr
from gradio.components import Component

from ddim.diffusion.noise import seed_range
from ddim.diffusion.sampling import BEST_NODE_PLACEMENTS, FEW_STEPS, SampleConfig, SolverName, parse_step_counts
from ddim.errors import UserError
from ddim.making.plane import Stops, parse_stops
from ddim.making.recipe import Recipe
from ddim.model.weights import available, find, read_card
from ddim.notation import in_a_row, written, written_numbers
from ddim.ui.controls import SamplingControls, choices_against, weights_choices
from ddim.ui.models import own_settings
from ddim.ui.reading import NUMBERS, read_config, read_number, read_weights

SAMPLING = tuple(field.name for field in fields(SampleConfig))
WAY_OF_SAMPLING = ("solver", "eta", "node_placement")
ALWAYS_TOLD = ("num_steps", *WAY_OF_SAMPLING)
MAX_SEEDS = 64
EACH_SOLVERS_BEST = "best"
"""A node placement for several solvers: that of BEST_NODE_PLACEMENTS."""


class Setting(NamedTuple):
    """A control of a tab, and how a value in an address or a recipe becomes its own.

    `read` raises UserError for an impossible value. `add`, where there is one, is used instead for a picture that
    another tab sends: it turns what the control holds and the picture's value into what the control is to hold.
    """

    control: Component
    read: Callable[[Any], Any]
    add: Callable[[Any, Any], Any] | None = None


Settings = Mapping[str, Setting]


def sampling_settings(sampling: SamplingControls) -> dict[str, Setting]:
    """The settings that are fields of SampleConfig and have a control."""
    return {name: Setting(control, partial(_read_sampling, name)) for name, control in sampling.fields.items()}


def weights_setting(control: gr.Dropdown, runs_dir: str) -> Setting:
    """The setting of which weights make the pictures."""
    return Setting(control, partial(read_weights, runs_dir=runs_dir))


def first_seeds(at_most: int) -> Callable[[Any, Any], str]:
    """An `add` for a Setting: as many of the seeds that are sent as the tab has room for, in place of its own."""
    return lambda held, sent: written_numbers(parse_stops(sent, 1, MAX_SEEDS).seeds[:at_most])


def own_values(weights: str, solver: SolverName | None = FEW_STEPS.solver) -> dict[str, Any]:
    """`own_settings` of these weights, by the names of settings of any tab. Raises as they do."""
    own = own_settings(weights, solver)
    return {**own, "guidances": f"{own['guidance']:g}"}


def tab_of(recipe: Recipe) -> str:
    """The tab that makes what this recipe makes."""
    if recipe.place or recipe.command == "plane":
        return "interpolate"
    return "generate" if recipe.command == "sample" else recipe.command


def values_of(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says, by the names of settings of any tab."""
    values: dict[str, Any] = {"weights": recipe.weights.weights, "sha256": recipe.weights.sha256}
    values |= asdict(recipe.config) | {"mode": "walk"}
    if recipe.place:
        stops = Stops(recipe.place.seeds, recipe.place.class_names)
        values |= {"seeds": stops.written(), "interpolation": recipe.place.interpolation}
        if len(recipe.place.coordinates) == 2:
            across, down = recipe.place.coordinates
            values |= {"mode": "plane", "across": across, "down": down}
    else:
        values |= {"seeds": list(recipe.seeds)}
    if recipe.walk:
        values |= asdict(recipe.walk)
    if recipe.command == "plane":
        values |= {"mode": "plane", "size": recipe.size}
    if recipe.class_names and recipe.command != "compare":
        values |= {"seeds": Stops(tuple(recipe.seeds), tuple(recipe.class_names)).written()}
    if recipe.command == "compare":
        values |= {"num_steps": list(recipe.step_counts), "solvers": list(recipe.solvers)}
        values |= {"node_placement": _node_placement_of(recipe)}
        values |= {"against": recipe.against[0].weights if recipe.against else None}
        class_name, guidance = values.pop("class_name"), values.pop("guidance")
        values |= {"class_names": list(recipe.class_names) or ([class_name] if class_name else [])}
        values |= {"guidances": list(recipe.guidances) or [guidance]}
    return told(values)


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of settings, from an address or a recipe, in all forms that tabs have.

    Seeds are there both as `seed` and `num_images`, for some in a row, and as the text `seeds`; a solver is there as
    `solvers` too. What makes no sense is left as it is, for those who read it to refuse.
    """
    values = dict(values)
    if "seed" in values:
        values.setdefault("mode", "walk")
    if "solver" in values:
        values.setdefault("solvers", [values["solver"]])
    with suppress(UserError, TypeError):
        if "seeds" in values:
            stops = parse_stops(values["seeds"], 1, MAX_SEEDS)
            seeds = stops.seeds
            if stops.class_names:
                return values | {"seeds": stops.written(), "seed": seeds[0], "num_images": 1}
        elif "seed" in values:
            num_images = read_number("num_images", values.get("num_images", 1))
            seeds = tuple(seed_range(read_number("seed", values["seed"]), num_images))
        else:
            return values
        num_images = len(seeds) if in_a_row(seeds) else 1
        values |= {"seeds": written_numbers(seeds), "seed": seeds[0], "num_images": num_images}
    return values


def read(
    settings: Settings, values: Mapping[str, Any], runs_dir: str, held: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """What the controls of `settings` are to hold, and a sentence for any of the `values` that cannot be kept.

    `held` is what those controls that a value can be added to hold now, if a picture is sent.
    """
    kept, ignored, warnings = {}, [], []
    checksum = str(values.get("sha256", values.get("sha")) or "")
    if "weights" not in values and (name := _weights_of(checksum, runs_dir)):
        values = {**values, "weights": name}
    for name in settings.keys() & values.keys():
        try:
            add = settings[name].add if held and name in held else None
            kept[name] = add(held[name], values[name]) if add and held else settings[name].read(values[name])
        except (UserError, TypeError):
            ignored.append(name)
    if "weights" in kept:
        with suppress(UserError, OSError):  # whoever uses damaged weights will be told
            solver = settings["solver"].control.value if "solver" in settings else None
            own = {name: own for name, own in own_values(kept["weights"], solver).items() if name not in values}
            if values.keys() & {"solver", "solvers", "eta"} and "solver" not in own:
                own.pop("node_placement", None)
            if "num_steps" in own.keys() & settings.keys():  # a number in one tab, and a list in another
                own["num_steps"] = settings["num_steps"].read(own["num_steps"])
            kept |= {name: value for name, value in own.items() if name in settings}
    if kept.keys() & {"solver", "solvers", "eta"}:  # not the page's way of sampling: the rest is as in a command
        defaults = asdict(SampleConfig())
        left = [name for name in WAY_OF_SAMPLING if name in settings and name not in {*kept, *values}]
        kept |= {name: defaults[name] for name in left}
    sampling = {name: kept[name] for name in SAMPLING if name in kept and name != "num_steps"}
    if sampling.get("node_placement") == EACH_SOLVERS_BEST:
        del sampling["node_placement"]
    try:
        read_config(**sampling)
    except UserError:  # each is right, but they do not go together
        ignored += sampling.keys() & values.keys()
        kept = {name: kept[name] for name in kept if name not in sampling}
    if ignored:
        names = ", ".join(name for name in settings if name in ignored)
        warnings.append(f"Ignored: {names}. These settings have values that are not possible here.")
    if ("sha256" in values or "sha" in values) and (warning := _warning_of_other_weights(kept, checksum, runs_dir)):
        warnings.append(warning)
    return kept, warnings


def updates_of(settings: Settings, kept: Mapping[str, Any], runs_dir: str) -> list[Any]:
    """An update for each control of `settings`; weights can be chosen from those there are by now."""
    updates = {name: kept.get(name, gr.skip()) for name in settings}
    for name, choices in (("weights", weights_choices(runs_dir)), ("against", choices_against(runs_dir))):
        if name in settings:
            updates[name] = gr.Dropdown(choices, **({"value": kept[name]} if name in kept else {}))
    if "seed" in kept and "new_seed" in settings:
        updates["new_seed"] = False  # this seed is asked for, and no other
    return list(updates.values())


def address_of(tab: str, settings: Settings, recipe: Recipe) -> str:
    """The query string that opens this tab with the settings of `recipe`; what is left out has its default.

    Signal rates and guidance are the weights' own by default.
    """
    name, checksum = recipe.weights
    if name is None or checksum is None:
        raise UserError("Only pictures made with weights from a file have an address.")
    name = settings["weights"].read(name)  # a recipe that was sent here may name any file
    values, defaults = values_of(recipe), asdict(SampleConfig()) | own_values(name)
    query = {
        name: _written(values[name])
        for name in settings
        if values.get(name) is not None and (name in ALWAYS_TOLD or values[name] != defaults.get(name))
    }
    return "?" + urlencode({"tab": tab, **query, "sha": checksum[:8]}, safe=",:")


def _node_placement_of(recipe: Recipe) -> Any:
    """The one of a comparison, or that each solver has its best; another mixture stays one, which no control holds."""
    own, common = recipe.node_placements, recipe.config.node_placement
    if all(own.get(solver, common) == BEST_NODE_PLACEMENTS.get(solver) for solver in recipe.solvers):
        return EACH_SOLVERS_BEST
    return dict(own) or common


def _read_sampling(name: str, value: Any) -> Any:
    if name == "num_steps":
        return read_number(name, max(parse_step_counts(value)) if isinstance(value, list | tuple) else value)
    if name in NUMBERS:
        return read_number(name, value)
    if name == "class_name":
        return str(value or "")
    return getattr(SampleConfig(**{name: value}), name)


def _written(value: Any) -> str:
    """A value as an address has it."""
    return str(value).lower() if isinstance(value, bool) else written(value)


def _weights_of(checksum: str, runs_dir: str) -> str | None:
    """The first weights with this checksum, or the beginning of one: they may not be what the page opens with."""
    for name in available(runs_dir) if checksum else ():
        with suppress(UserError, OSError):
            if read_card(find(name))["sha256"].startswith(checksum):
                return name
    return None


def _warning_of_other_weights(kept: Mapping[str, Any], checksum: str, runs_dir: str) -> str | None:
    names = [kept["weights"]] if "weights" in kept else available(runs_dir)[:1]
    for name in names:
        try:
            ours = read_card(find(name))["sha256"]
        except (UserError, OSError) as error:
            return str(error)
        if not checksum or not ours.startswith(checksum):
            return f"The weights {name} are not those that were used, so the pictures will look different."
    return None
