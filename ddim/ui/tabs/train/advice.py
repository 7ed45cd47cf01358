"""What the tab Train says before a run is started: what it is going to take, and what suits the pictures."""

import html
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gradio as gr
from gradio.components import Component

from ddim.configuration import from_options
from ddim.errors import UserError
from ddim.training.config import PRESETS, TrainConfig
from ddim.ui.edge import without_paths
from ddim.ui.handlers import PRIVATE, REFUSING, named
from ddim.ui.tabs.train import estimate, rights
from ddim.ui.tabs.train.options import CONTINUE, read_options
from ddim.ui.tabs.train.rights import Rules


def wire(
    demo: gr.Blocks,
    preset: gr.Radio,
    options: Mapping[str, Component],
    expected: gr.HTML,
    runs_dir: str,
    rules: Rules,
) -> None:
    """Show in `expected` what the options are going to take, and let small sets begin with the shipped weights."""

    def expect(**values: Any) -> str:
        if rights.refusal(rules):
            return ""
        try:
            told = estimate.estimate(rights.within(read_options(values), rules, runs_dir), runs_dir)
        except (UserError, OSError) as error:
            told = without_paths(str(error))
        return html.escape(told, quote=False)

    def suit(preset: Any, **values: Any) -> Any:
        if preset != "quick" or rights.refusal(rules):
            return gr.skip()
        with suppress(UserError, OSError):
            asked = read_options(values)
            if from_options(TrainConfig, {**PRESETS["quick"], "dataset": asked.dataset}) != asked:
                return gr.skip()  # who has changed something keeps it
            count = estimate.num_pictures(rights.within(asked, rules, runs_dir).dataset)
            if count is not None and count < estimate.SMALL:
                gr.Info(f"With {count} pictures to learn from, it is best to continue from the shipped weights.")
                return CONTINUE
        return gr.skip()

    changes: list[Any] = [options[name] for name in estimate.DECIDING]
    gr.on(
        [demo.load, *(control.change for control in changes)],
        named(expect, options),
        list(options.values()),
        expected,
        trigger_mode="always_last",
        preprocess=False,
        **PRIVATE,
    )
    suited = {"preset": preset, **options}
    # Queued, or Gradio keeps the sentence from the visitor.
    changes[0].change(named(suit, suited), list(suited.values()), preset, preprocess=False, **REFUSING)
