"""What to compare: the controls of the tab Compare, and what arrives from them, checked."""

from functools import partial
from typing import Any, NamedTuple, cast

import gradio as gr

from ddim.diffusion.noise import parse_seeds
from ddim.diffusion.sampling import BEST_NODE_PLACEMENTS, FEW_STEPS, SampleConfig, SolverName, parse_step_counts
from ddim.errors import UserError
from ddim.making.compare import MAX_SEEDS, Comparison, Contender
from ddim.notation import written_numbers
from ddim.ui import controls, presets
from ddim.ui.handlers import PRIVATE
from ddim.ui.models import class_names_of, load_model
from ddim.ui.reading import read_config, read_number, read_weights
from ddim.ui.settings import EACH_SOLVERS_BEST, Setting, first_seeds, sampling_settings, weights_setting

NUM_CLASSES = 8
STEP_COUNTS = ("2,5,10,20", "1,2,5,10,20,50", "1-20")
NODE_PLACEMENTS = [("Each solver's best", EACH_SOLVERS_BEST), *controls.NODE_PLACEMENTS]
NOT_OF_ALL = ("num_steps", "solver", "node_placement", "class_name", "guidance")
"""Fields of SampleConfig that may differ from row to row."""


class Controls(NamedTuple):
    """What to compare; the buttons fill in numbers of steps."""

    seeds: gr.Textbox
    num_steps: gr.Textbox
    presets: list[gr.Button]
    solvers: gr.CheckboxGroup
    node_placement: gr.Dropdown
    weights: gr.Dropdown
    against: gr.Dropdown
    class_names: gr.Dropdown
    guidances: gr.Textbox
    eight: gr.Button
    sampling: controls.SamplingControls


def lay_out(runs_dir: str) -> Controls:
    """Lay out the controls."""
    with gr.Group():
        seeds = gr.Textbox("0-3", label="Seeds", info=f"1 to {MAX_SEEDS} of them, such as 0-3 or 3,8,21.", max_lines=1)
        num_steps = gr.Textbox(STEP_COUNTS[0], label="Numbers of steps", max_lines=1)
        with gr.Row(elem_classes="chips"):
            presets = [gr.Button(counts, size="sm", min_width=60) for counts in STEP_COUNTS]
        solvers = gr.CheckboxGroup(controls.SOLVERS, value=["ddim", "unipc"], label="Solvers", elem_classes="solvers")
        node_placement = gr.Dropdown(
            NODE_PLACEMENTS,
            value=EACH_SOLVERS_BEST,
            label="Diffusion times of N steps",
            info="The best is inclusive for UniPC-2, and the reference for all others.",
            filterable=False,
        )
        weights = controls.weights_selector(runs_dir)
        choices = controls.choices_against(runs_dir)
        against = gr.Dropdown(choices, value=controls.NO_WEIGHTS[1], label="Second weights", filterable=False)
        class_names, guidances, eight = _lay_out_classes(weights)
        sampling = controls.sampling_controls(weights, without=NOT_OF_ALL)
    where = (weights, against, class_names, guidances, eight)
    return Controls(seeds, num_steps, presets, solvers, node_placement, *where, sampling)


def _lay_out_classes(weights: gr.Dropdown) -> tuple[gr.Dropdown, gr.Textbox, gr.Button]:
    """What to compare where weights have classes: these, guidance, and a button that fills in eight of them."""

    def guidance_of(weights: str | None) -> str:
        return f"{presets.first_settings(weights)['guidance']:g}"

    def choices_of(weights: str) -> tuple[gr.Column, gr.Dropdown]:
        choices = controls.class_choices(weights)[1:]
        return gr.Column(visible=bool(choices)), gr.Dropdown(choices)

    choices = controls.class_choices(weights.value)[1:]
    with gr.Column(visible=bool(choices), variant="compact", elem_classes="classes") as asked:
        class_names = gr.Dropdown(
            choices,
            value=[],
            multiselect=True,
            label="Species, a row each",
            info="Without any, each seed draws its own.",
        )
        eight = gr.Button(f"Same noise, {NUM_CLASSES} species", size="sm")
        guidances = gr.Textbox(
            guidance_of(weights.value), label="Guidance, a row each", info="Such as 1.5 or 1,1.5,2.", max_lines=1
        )
    weights.change(choices_of, weights, [asked, class_names], **PRIVATE)
    weights.input(lambda weights: (guidance_of(weights), []), weights, [guidances, class_names], **PRIVATE)
    return class_names, guidances, eight


def settings_of(chosen: Controls, runs_dir: str) -> dict[str, Setting]:
    """The settings by the names of addresses and recipes."""

    def seeds_as_text(value: Any) -> str:
        return written_numbers(read_seeds(value))

    def steps_as_text(value: Any) -> str:
        return written_numbers(read_step_counts(value))

    def with_steps_added(held: Any, value: Any) -> str:
        return steps_as_text(f"{held},{steps_as_text(value)}")

    def guidances_as_text(value: Any) -> str:
        return ",".join(f"{guidance:g}" for guidance in read_guidances(value))

    return {
        "seeds": Setting(chosen.seeds, seeds_as_text, first_seeds(MAX_SEEDS)),
        "num_steps": Setting(chosen.num_steps, steps_as_text, with_steps_added),
        "solvers": Setting(chosen.solvers, read_solvers),
        "node_placement": Setting(chosen.node_placement, read_node_placement),
        "weights": weights_setting(chosen.weights, runs_dir),
        "against": Setting(chosen.against, partial(read_against, runs_dir=runs_dir)),
        "class_names": Setting(chosen.class_names, read_class_names),
        "guidances": Setting(chosen.guidances, guidances_as_text),
        **sampling_settings(chosen.sampling),
    }


def wire(chosen: Controls, runs_dir: str) -> None:
    """Wire the controls with each other."""
    for preset in chosen.presets:
        preset.click(None, None, chosen.num_steps, js=f"() => '{preset.value}'", **PRIVATE)

    def eta_of(solvers: list[str]) -> gr.Slider:
        return controls.eta_for(solvers[0] if len(solvers) == 1 else "several")

    def eight_classes(weights: str) -> tuple[list[str], str, list[str]]:
        return class_names_of(weights)[:NUM_CLASSES], str(FEW_STEPS.num_steps), [FEW_STEPS.solver]

    filled = [chosen.class_names, chosen.num_steps, chosen.solvers]
    chosen.eight.click(eight_classes, chosen.weights, filled, **PRIVATE)
    chosen.solvers.change(eta_of, chosen.solvers, chosen.sampling.fields["eta"], **PRIVATE)
    # Whoever has trained new weights and chosen them wants to see them against others, and others against them.
    chosen.weights.change(lambda: gr.Dropdown(controls.choices_against(runs_dir)), None, chosen.against, **PRIVATE)


def read_comparison(
    seeds: Any,
    num_steps: Any,
    solvers: Any,
    weights: Any,
    against: Any,
    class_names: Any,
    guidances: Any,
    node_placement: Any,
    runs_dir: str,
    **sampling: Any,
) -> Comparison:
    """What to compare, as it arrives; `sampling` are further fields of SampleConfig. Raises UserError or OSError."""
    seeds, step_counts, solvers = read_seeds(seeds), read_step_counts(num_steps), read_solvers(solvers)
    is_best, common = node_placement == EACH_SOLVERS_BEST, SampleConfig().node_placement
    sampling |= {"num_steps": step_counts[0], "node_placement": common if is_best else node_placement}
    config, *_ = (read_config(solver=solver, **sampling) for solver in solvers)
    has_choice = is_best and config.max_signal_rate < 1  # at 1, inclusive nodes would end without noise
    own = {solver: best for solver in solvers if has_choice and (best := BEST_NODE_PLACEMENTS[solver]) != common}
    names = [read_weights(weights, runs_dir), read_against(against, runs_dir) or weights]
    contenders = {name: Contender(load_model(name, runs_dir), config) for name in names}
    has_classes = any(model.classes for model, _ in contenders.values())
    guidances, class_names = (read_guidances(guidances), read_class_names(class_names)) if has_classes else ((), ())
    return Comparison(contenders, seeds, step_counts, solvers, guidances, class_names, own)


def read_class_names(value: Any) -> list[str]:
    """Names of classes, each once, as a list or separated by commas; there may be none."""
    entries = value if isinstance(value, list | tuple) else str(value or "").split(",")
    return list(dict.fromkeys(name for entry in entries if (name := str(entry).strip())))


def read_guidances(value: Any) -> tuple[float, ...]:
    """Strengths of guidance, each once, as a list or as text such as 1,1.5,2; none is 1. Raises UserError."""
    entries = value if isinstance(value, list | tuple) else str(value or 1).split(",")
    return tuple(dict.fromkeys(read_number("guidance", entry) for entry in entries))


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


def read_node_placement(value: Any) -> str:
    """A node placement, or that each solver has its best. Raises UserError for anything else."""
    return EACH_SOLVERS_BEST if value == EACH_SOLVERS_BEST else SampleConfig(node_placement=value).node_placement


def read_against(value: Any, runs_dir: str) -> str:
    """The name of second weights or, for none, an empty text. Raises UserError for a name that is not one of ours."""
    return read_weights(value, runs_dir) if value else controls.NO_WEIGHTS[1]
