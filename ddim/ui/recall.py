"""A recipe as text that brings it back: an address that opens the page with its settings, and Python."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from ddim import checkpoints
from ddim.sampling import SampleConfig
from ddim.ui.controls import NUMBERS, read_number, read_weights

TABS = ("generate", "train")


def address_of(tab: str, recipe: Mapping[str, Any]) -> str:
    """The query string that opens this tab with the settings of `recipe`; what is left out has its default."""
    always = ("seed", "num_images", "num_steps", "solver", "eta", "weights")
    chosen = {name: recipe[name] for name in always}
    chosen |= {name: recipe[name] for name, value in asdict(SampleConfig()).items() if recipe[name] != value}
    return "?" + urlencode({"tab": tab, **chosen, "sha": recipe["sha256"][:8]})


def read_address(query: Mapping[str, str], runs_dir: str | Path) -> tuple[dict[str, Any], list[str]]:
    """The settings that an address holds, and a sentence for whatever in it cannot be kept."""
    settings, ignored, warnings = {}, [], []
    config_names = [field.name for field in fields(SampleConfig)]
    for name in ["seed", "num_images", "weights", *config_names]:
        if name in query:
            try:
                settings[name] = _read_setting(name, query[name], runs_dir)
            except ValueError:
                ignored.append(name)
    try:
        SampleConfig(**{name: settings[name] for name in config_names if name in settings})
    except ValueError:  # each is right, but they do not go together
        ignored += [name for name in config_names if settings.pop(name, None) is not None]
    if ignored:
        warnings.append(f"The address asks for what cannot be; ignored were: {', '.join(ignored)}.")
    if "sha" in query and (warning := _warning_of_other_weights(settings, query["sha"], runs_dir)):
        warnings.append(warning)
    return settings, warnings


def restore(tab: str, query: Mapping[str, str], runs_dir: str | Path) -> list[Any]:
    """Updates of seed, number of pictures, weights and the sampling controls of a tab, if the address opens it."""
    settings, warnings = read_address(query, runs_dir) if query.get("tab", tab) == tab else ({}, [])
    for warning in warnings:
        gr.Warning(warning)
    names = ["seed", "num_images", "weights", *(field.name for field in fields(SampleConfig))]
    updates = {name: settings.get(name, gr.skip()) for name in names}
    choices = checkpoints.available(runs_dir)  # runs come and go
    updates["weights"] = gr.Dropdown(choices, value=settings.get("weights", choices[0] if choices else None))
    return list(updates.values())


def opened_tab(request: gr.Request) -> gr.Tabs:
    """The tab that the address names, or the first."""
    tab = request.query_params.get("tab")
    return gr.Tabs(selected=tab if tab in TABS else TABS[0])


def _read_setting(name: str, text: str, runs_dir: str | Path) -> Any:
    if name in NUMBERS:
        return read_number(name, text)
    if name == "weights":
        return read_weights(text, runs_dir)
    return getattr(SampleConfig(**{name: text}), name)


def _warning_of_other_weights(settings: Mapping[str, Any], sha: str, runs_dir: str | Path) -> str | None:
    names = [settings["weights"]] if "weights" in settings else checkpoints.available(runs_dir)[:1]
    for name in names:
        checksum = checkpoints.read_card(checkpoints.find(name))["sha256"]
        if not sha or not checksum.startswith(sha):
            return f"The weights {name} are not those of this address, so its pictures will look different."
    return None


def python_snippet(recipe: Mapping[str, Any]) -> str:
    """Python that makes the pictures of `recipe` again."""
    settings = [f"{field.name}={recipe[field.name]!r}" for field in fields(SampleConfig)]
    return "\n".join(
        [
            "import ddim",
            "",
            f"model = ddim.load({recipe['weights']!r})",
            "images = ddim.generate(",
            "    model,",
            f"    seeds=range({recipe['seed']}, {recipe['seed'] + recipe['num_images']}),",
            *(f"    {setting}," for setting in settings),
            ")",
        ]
    )
