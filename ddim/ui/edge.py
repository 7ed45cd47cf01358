"""The edge of the page: whatever visitors send to any of its endpoints, public or private, passes through here."""

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from ddim.errors import BUG, UserError
from ddim.model.turns import visitor
from ddim.ui.gradio_queue import current_visitor

logger = logging.getLogger("ddim")


def guard(demo: gr.Blocks) -> None:
    """See to it that every function of the page works for the visitor who calls it, and that what goes wrong is told.

    To be called when everything is wired.
    """
    for event in demo.fns.values():
        if event.fn:
            event.fn = _guarded(event.fn)
    for block in demo.blocks.values():
        if hasattr(block, "preprocess"):
            block.preprocess = _checked(block.preprocess, getattr(block, "label", None))


@contextmanager
def errors_shown() -> Iterator[None]:
    """What is wrong with a request is told to the visitor who made it, and a bug is logged."""
    try:
        yield
    except gr.Error:
        raise
    except (UserError, OSError) as error:
        raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from error
    except Exception as error:
        logger.exception("A visitor met a bug.")
        raise gr.Error(f"{BUG}: the log of this app says what happened.", print_exception=False) from error


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; a generator works for its visitor step by step, since each may run in a thread of its own."""

    @functools.wraps(function)
    def call(*values: Any, **named: Any) -> Any:
        with _for_visitor():
            return function(*values, **named)

    @functools.wraps(function)
    def generate(*values: Any, **named: Any) -> Iterator[Any]:
        made = function(*values, **named)
        try:
            while True:
                with _for_visitor():
                    try:
                        item = next(made)
                    except StopIteration:
                        return
                yield item
        finally:
            made.close()

    return generate if inspect.isgeneratorfunction(function) else call


@contextmanager
def _for_visitor() -> Iterator[None]:
    token = visitor.set(current_visitor())
    try:
        with errors_shown():
            yield
    finally:
        visitor.reset(token)


def _checked(preprocess: Callable[[Any], Any], label: str | None) -> Callable[[Any], Any]:
    """A component's own reading of what was sent, whose surprises are the sender's mistakes."""

    @functools.wraps(preprocess)
    def check(sent: Any) -> Any:
        try:
            return preprocess(sent)
        except gr.Error:
            raise
        except Exception as error:
            raise gr.Error(f"{label or 'A value'} cannot be {ascii(sent)[:100]}.", print_exception=False) from error

    return check
