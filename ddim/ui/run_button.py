"""The button that starts making pictures, the one that stops it, and what is said meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from ddim.ui.handlers import HIDDEN, PRIVATE, named

IDLE = '<span class="keys">Ctrl + Enter starts, Esc stops.</span>'
WAITING = "Waiting for the network. Right after a start it takes some seconds to load."

SHOW, HIDE = '{__type__: "update", visible: true}', '{__type__: "update", visible: false}'


class RunButton(NamedTuple):
    """What starts and stops the work, and says how far it has got."""

    start: gr.Button
    stop: gr.Button
    status: gr.HTML


def lay_out(label: str) -> RunButton:
    """Lay out the buttons; the one that stops is hidden until there is something to stop."""
    start = gr.Button(label, variant="primary", size="lg", elem_classes="run-button")
    stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_classes="stop-button")
    return RunButton(start, stop, gr.HTML(IDLE, elem_classes="status", padding=False))


def wire(
    run: RunButton,
    make: Callable[..., Iterator[Any]],
    inputs: Mapping[str, Component],
    outputs: tuple[Component, ...],
    after: Dependency | None = None,
    **options: Any,
) -> Dependency:
    """Wire: the button, or in its place the event `after`, starts the generator `make`, whose inputs arrive unchecked.

    `make` takes them by name and yields what the outputs show. Returns the event of its end.
    """
    start, stop, status = run
    begin = f"() => {{ window.playground.begin(); return [{HIDE}, {SHOW}, '{WAITING}']; }}"
    pressed = (after.then if after else start.click)(None, None, [start, stop, status], js=begin, **PRIVATE)
    made = pressed.then(
        named(make, inputs),
        list(inputs.values()),
        list(outputs),
        preprocess=False,
        **HIDDEN,
        concurrency_limit=None,  # who comes next is decided where the network runs
        **options,
    )
    stop.click(None, cancels=made, **PRIVATE)
    made.success(None, None, [start, stop], js=f"() => [{SHOW}, {HIDE}]", **PRIVATE)
    # To the browser, what was stopped has failed like what was refused, and `then` does not follow a failure.
    end = f"() => [{SHOW}, {HIDE}, window.playground.ended() ? 'Stopped.' : '{IDLE}']"
    made.failure(None, None, [start, stop, status], js=end, **PRIVATE)
    return made
