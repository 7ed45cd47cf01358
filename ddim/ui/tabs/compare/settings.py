"""What to compare: the controls of the tab Compare, and what arrives from them, checked."""

from functools import partial
from typing import Any, NamedTuple, cast

import gradio as gr

from ddim.diffusion.noise import parse_seeds
from ddim.diffusion.sampling import SampleConfig, SolverName, parse_step_counts
from ddim.errors import UserError
from ddim.making.compare import MAX_SEEDS, Comparison, Contender
from ddim.notation import written_numbers
from ddim.ui import controls
from ddim.ui.handlers import PRIVATE
from ddim.ui.models import load_model
from ddim.ui.reading import read_config, read_number, read_weights
from ddim.ui.settings import Setting, first_seeds, sampling_settings, weights_setting

STEP_COUNTS = ("1,2,5,10,20,50", "1-20", "5,10,20")


class Controls(NamedTuple):
    """What to compare; the buttons fill in numbers of steps."""

    seeds: gr.Textbox
    num_steps: gr.Textbox
    presets: list[gr.Button]
    solvers: gr.CheckboxGroup
    weights: gr.Dropdown
    against: gr.Dropdown
    sampling: controls.SamplingControls


def lay_out(runs_dir: str) -> Controls:
    """Lay out the controls."""
    with gr.Group():
        seeds = gr.Textbox("0-5", label="Seeds", info=f"1 to {MAX_SEEDS} of them, such as 0-5 or 3,8,21.", max_lines=1)
        num_steps = gr.Textbox(STEP_COUNTS[0], label="Numbers of steps", max_lines=1)
        with gr.Row(elem_classes="chips"):
            presets = [gr.Button(counts, size="sm", min_width=60) for counts in STEP_COUNTS]
        solvers = gr.CheckboxGroup(controls.SOLVERS, value=["ddim"], label="Solvers", elem_classes="solvers")
        weights = controls.weights_selector(runs_dir)
        choices = controls.choices_against(runs_dir)
        against = gr.Dropdown(choices, value=controls.NO_WEIGHTS[1], label="Against", filterable=False)
        sampling = controls.sampling_controls(weights, without=("num_steps", "solver"))
    return Controls(seeds, num_steps, presets, solvers, weights, against, sampling)


def settings_of(chosen: Controls, runs_dir: str) -> dict[str, Setting]:
    """The settings by the names of addresses and recipes."""

    def seeds_as_text(value: Any) -> str:
        return written_numbers(read_seeds(value))

    def steps_as_text(value: Any) -> str:
        return written_numbers(read_step_counts(value))

    def with_steps_added(held: Any, value: Any) -> str:
        return steps_as_text(f"{held},{steps_as_text(value)}")

    return {
        "seeds": Setting(chosen.seeds, seeds_as_text, first_seeds(MAX_SEEDS)),
        "num_steps": Setting(chosen.num_steps, steps_as_text, with_steps_added),
        "solvers": Setting(chosen.solvers, read_solvers),
        "weights": weights_setting(chosen.weights, runs_dir),
        "against": Setting(chosen.against, partial(read_against, runs_dir=runs_dir)),
        **sampling_settings(chosen.sampling),
    }


def wire(chosen: Controls, runs_dir: str) -> None:
    """Wire the controls with each other."""
    for preset in chosen.presets:
        preset.click(None, None, chosen.num_steps, js=f"() => '{preset.value}'", **PRIVATE)

    def eta_of(solvers: list[str]) -> gr.Slider:
        return controls.eta_for(solvers[0] if len(solvers) == 1 else "several")

    chosen.solvers.change(eta_of, chosen.solvers, chosen.sampling.fields["eta"], **PRIVATE)
    # Whoever has trained new weights and chosen them wants to see them against others, and others against them.
    chosen.weights.change(lambda: gr.Dropdown(controls.choices_against(runs_dir)), None, chosen.against, **PRIVATE)


def read_comparison(
    seeds: Any, num_steps: Any, solvers: Any, weights: Any, against: Any, runs_dir: str, **sampling: Any
) -> Comparison:
    """What to compare, as it arrives; `sampling` are further fields of SampleConfig. Raises UserError or OSError."""
    seeds, step_counts, solvers = read_seeds(seeds), read_step_counts(num_steps), read_solvers(solvers)
    config, *_ = (read_config(num_steps=step_counts[0], solver=solver, **sampling) for solver in solvers)
    names = [read_weights(weights, runs_dir), read_against(against, runs_dir) or weights]
    contenders = {name: Contender(load_model(name, runs_dir), config) for name in names}
    return Comparison(contenders, seeds, step_counts, solvers)


def read_seeds(value: Any) -> tuple[int, ...]:
    """Up to 16 seeds, each once, as a list or as text such as 0-5. Raises UserError for anything else."""
    return tuple(dict.fromkeys(parse_seeds(value, 1, MAX_SEEDS)))


def read_step_counts(value: Any) -> tuple[int, ...]:
    """Numbers of steps that tabs offer, as a list or as text such as 1,2,5. Raises UserError for others."""
    return tuple(read_number("num_steps", count) for count in parse_step_counts(value))


def read_solvers(value: Any) -> list[SolverName]:
    """Names of solvers, each once, as a list or separated by commas. Raises UserError for anything else."""
    entries = value if isinstance(value, list | tuple) else str(value).split(",")
    names = [str(entry).strip() for entry in entries] if value else []
    if not names:
        raise UserError("A comparison needs a solver: choose one or several.")
    return list(dict.fromkeys(SampleConfig(solver=cast(SolverName, name)).solver for name in names))


def read_against(value: Any, runs_dir: str) -> str:
    """The name of second weights or, for none, an empty text. Raises UserError for a name that is not one of ours."""
    return read_weights(value, runs_dir) if value else controls.NO_WEIGHTS[1]
