"""What a tab shows when it is opened before anything was made in it: the result that ships with the weights it has."""

from typing import Any, cast

import gradio as gr
import numpy as np

from ddim.errors import UserError
from ddim.making.first_results import read_first_result
from ddim.making.recipe import Recipe
from ddim.model.weights import find
from ddim.ui import showing
from ddim.ui.handlers import PRIVATE, REFUSING, named
from ddim.ui.models import load_model
from ddim.ui.reading import read_weights
from ddim.ui.reproduce import Tab, described


def wire(name: str, opened: gr.Tab, tab: Tab, runs_dir: str) -> None:
    """Wire: when the tab of this name is opened, or another kind of result is chosen in it, it shows the first one.

    It is no result of the visitor's: the address bar and the list of results say nothing of it.
    """
    column, results = tab.column, tab.first_results
    outputs = list(dict.fromkeys(output for result in results.values() for output in result.outputs))
    outputs += [column.address, column.snippet]

    def show_first(weights: Any, kind: Any = name) -> Any:
        result = results.get(str(kind))
        shipped = _shipped(weights, str(kind), runs_dir) if weights else None
        if not (result and shipped):
            return [gr.skip()] * len(outputs)
        recipe, pictures = shipped
        address, snippet = described(column, recipe)
        values = result.show(load_model(weights, runs_dir), recipe, pictures)
        return {**dict(zip(result.outputs, values, strict=True)), column.address: address, column.snippet: snippet}

    inputs, events = {"weights": tab.settings["weights"].control}, [opened.select]
    if "mode" in tab.settings:  # which of several kinds of results is to be made
        mode = cast(gr.Radio, tab.settings["mode"].control)
        inputs["kind"] = mode
        events.append(mode.change)
    settled = gr.on(events, None, js=showing.SETTLE, **PRIVATE)
    asked = settled.then(
        named(show_first, inputs),
        list(inputs.values()),
        outputs,
        js=showing.first_result(name),
        preprocess=False,
        **REFUSING,
    )
    gr.on([result.start.click for result in results.values()], None, cancels=asked, **PRIVATE)


def _shipped(weights: Any, kind: str, runs_dir: str) -> tuple[Recipe, np.ndarray] | None:
    try:
        stem = find(read_weights(weights, runs_dir))
    except (UserError, OSError):  # whoever uses weights that are gone will be told
        return None
    return read_first_result(stem, kind)
