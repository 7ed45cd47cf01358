"""What to compare: the controls of the tab Compare, and what arrives from them, checked."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from ddim.compare import MAX_SEEDS
from ddim.number_lists import parse_seeds, parse_step_counts, written
from ddim.sampling import SampleConfig
from ddim.ui import controls, recall

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

STEP_COUNTS = ("1,2,5,10,20,50", "1-20", "5,10,20")
LISTED = ("num_steps", "solver")


class Settings(NamedTuple):
    """What to compare; the buttons fill in numbers of steps."""

    seeds: gr.Textbox
    num_steps: gr.Textbox
    presets: list[gr.Button]
    solvers: gr.CheckboxGroup
    weights: gr.Dropdown
    against: gr.Dropdown
    sampling: controls.SamplingControls


class Request(NamedTuple):
    """The arguments of `ddim.compare.compare`, but `settings` are its further ones."""

    models: dict[str, "DiffusionModel"]
    seeds: tuple[int, ...]
    step_counts: tuple[int, ...]
    solvers: tuple[str, ...]
    settings: dict[str, Any]


def lay_out(runs_dir: str | Path) -> Settings:
    with gr.Group():
        seeds = gr.Textbox("0-5", label="Seeds", info=f"1 to {MAX_SEEDS} of them, such as 0-5 or 3,8,21.", max_lines=1)
        num_steps = gr.Textbox(STEP_COUNTS[0], label="Numbers of steps", max_lines=1)
        with gr.Row(elem_classes="chips"):
            presets = [gr.Button(counts, size="sm", min_width=60) for counts in STEP_COUNTS]
        solvers = gr.CheckboxGroup(controls.SOLVERS, value=["ddim"], label="Solvers", elem_classes="solvers")
        weights = controls.weights_selector(runs_dir)
        choices = controls.choices_against(runs_dir)
        against = gr.Dropdown(choices, value=controls.NO_WEIGHTS[1], label="Against", filterable=False)
        sampling = controls.sampling_controls(weights, without=LISTED)
    return Settings(seeds, num_steps, presets, solvers, weights, against, sampling)


def recalled(settings: Settings, runs_dir: str | Path) -> dict[str, recall.Setting]:
    def seeds_as_text(value: Any) -> str:
        return written(read_seeds(value))

    def steps_as_text(value: Any) -> str:
        return written(read_step_counts(value))

    def with_steps_added(held: Any, value: Any) -> str:
        return steps_as_text(f"{held},{steps_as_text(value)}")

    return {
        "seeds": recall.Setting(settings.seeds, seeds_as_text, recall.first_seeds(MAX_SEEDS)),
        "num_steps": recall.Setting(settings.num_steps, steps_as_text, with_steps_added),
        "solvers": recall.Setting(settings.solvers, read_solvers),
        "weights": recall.weights_setting(settings.weights, runs_dir),
        "against": recall.Setting(settings.against, partial(read_against, runs_dir=runs_dir)),
        **recall.sampling_settings(settings.sampling),
    }


def wire(settings: Settings, runs_dir: str | Path) -> None:
    for preset in settings.presets:
        preset.click(None, None, settings.num_steps, js=f"() => '{preset.value}'", **controls.PRIVATE)

    def eta_of(solvers: list[str]):
        return gr.Slider(interactive=True) if solvers == ["ddim"] else gr.Slider(value=0, interactive=False)

    settings.solvers.change(eta_of, settings.solvers, settings.sampling.eta, **controls.PRIVATE)
    # Whoever has trained new weights and chosen them wants to see them against others, and others against them.
    settings.weights.change(
        lambda: gr.Dropdown(controls.choices_against(runs_dir)), None, settings.against, **controls.PRIVATE
    )


def read(
    seeds: Any, num_steps: Any, solvers: Any, weights: Any, against: Any, runs_dir: str | Path, *further: Any
) -> Request:
    """`further` are the fields of SampleConfig from eta on. Raises ValueError or OSError for what cannot be."""
    seeds, step_counts, solvers = read_seeds(seeds), read_step_counts(num_steps), read_solvers(solvers)
    configs = [controls.read_config(step_counts[0], solver, *further) for solver in solvers]
    settings = {name: value for name, value in asdict(configs[0]).items() if name not in LISTED}
    names = [controls.read_weights(weights, runs_dir), read_against(against, runs_dir) or weights]
    models = {name: controls.load_model(name, runs_dir) for name in names}
    return Request(models, seeds, step_counts, tuple(solvers), settings)


def read_seeds(value: Any) -> tuple[int, ...]:
    """Up to 16 seeds, each once, as a list or as text such as 0-5. Raises ValueError for anything else."""
    return tuple(dict.fromkeys(parse_seeds(value, 1, MAX_SEEDS)))


def read_step_counts(value: Any) -> tuple[int, ...]:
    """Numbers of steps as far as tabs offer them, as a list or as text such as 1,2,5. Raises ValueError for others."""
    return tuple(controls.read_number("num_steps", count) for count in parse_step_counts(value))


def read_solvers(value: Any) -> list[str]:
    """Names of solvers, each once, as a list or with commas between them. Raises ValueError for anything else."""
    entries = value if isinstance(value, list | tuple) else str(value).split(",")
    names = [str(entry).strip() for entry in entries] if value else []
    if not names:
        raise ValueError("A comparison needs a solver: choose one or several.")
    return list(dict.fromkeys(SampleConfig(solver=name).solver for name in names))


def read_against(value: Any, runs_dir: str | Path) -> str:
    """The name of second weights or, for none, an empty text. Raises ValueError for a name that is none of ours."""
    return controls.read_weights(value, runs_dir) if value else controls.NO_WEIGHTS[1]
