"""How events of the page call Python: with their inputs by name. What goes wrong, `edge.guard` shows to the visitor."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradio.components import Component

from ddim.errors import UserError

# On no component: the browser would tell each output of every state of the work, even of what is not shown.
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
# What only the page asks for, and nobody waits for.
PRIVATE: dict[str, Any] = HIDDEN | {"queue": False, "api_visibility": "private"}
# What may be refused has to be queued, or Gradio keeps the sentence from the visitor.
REFUSING: dict[str, Any] = HIDDEN | {"api_visibility": "private", "concurrency_limit": None}


def selected_of(items: Any, place: Any) -> Any:
    """What a visitor selected among these. Raises UserError for what is not there, or not any more."""
    try:
        return items[place]
    except (LookupError, TypeError):
        raise UserError("What was selected is not here any more: make the pictures anew.") from None


def named(handler: Callable[..., Any], inputs: Mapping[str, Component]) -> Callable[..., Any]:
    """The handler as Gradio calls it, with the values of `inputs` in their order. It gets them by their names.

    These are the parameters of the API as well.
    """

    def call(*values: Any) -> Any:
        return handler(**dict(zip(inputs, values, strict=True)))

    def generate(*values: Any) -> Iterator[Any]:
        yield from handler(**dict(zip(inputs, values, strict=True)))

    shown: Any = generate if inspect.isgeneratorfunction(handler) else call
    shown.__name__, shown.__doc__ = handler.__name__, handler.__doc__
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in inputs]
    shown.__signature__ = inspect.Signature(parameters)
    return shown
