"""The edge of the page: whatever visitors send to any of its endpoints, public or private, passes through here."""

import errno
import functools
import html
import inspect
import logging
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.exceptions import ComponentProcessingError, InvalidPathError

from ddim.errors import BUG, UserError
from ddim.model.turns import visitor
from ddim.ui.gradio_cache import is_uploaded

MAX_TEXT = 10_000
MAX_INTEGER = 2**63
MAX_MESSAGE = 500
DISK_IS_FULL = "The disk of the machine behind this page is full: try again when there is room."
PLAIN = (gr.Number, gr.Slider, gr.Textbox, gr.Dropdown, gr.Radio, gr.Checkbox, gr.CheckboxGroup, gr.Code, gr.HTML, Api)

asking: ContextVar[gr.Request | None] = ContextVar("asking", default=None)
"""Whoever asks for what is being done; None outside of the page."""

ABSOLUTE_PATH = re.compile(r"(?<![\w./\\-])(?:[A-Za-z]:)?(?:[/\\][^/\\\n'\",;:()]+)*[/\\]([^/\\\n'\",;:()\s]+)")

logger = logging.getLogger("ddim")


def guard(demo: gr.Blocks) -> None:
    """See to it that all functions of the page get what they can read, that they work for the visitor who calls them,
    and that what goes wrong is told.
    """
    process_api: Callable[..., Any] = demo.process_api

    @functools.wraps(process_api)
    async def process(block_fn: Any, inputs: list[Any], **told: Any) -> Any:
        tokens = visitor.set(told.get("session_hash") or ""), asking.set(told.get("request"))
        try:
            with errors_shown():
                if told.get("iterator") is None:
                    _check(block_fn, inputs, told.get("event_data"))
                return await process_api(block_fn=block_fn, inputs=inputs, **told)
        finally:
            visitor.reset(tokens[0])
            asking.reset(tokens[1])

    demo.process_api = process  # type: ignore[method-assign, assignment]


@contextmanager
def errors_shown() -> Iterator[None]:
    """What is wrong with a request is told to the visitor who made it, and a bug is logged."""
    try:
        yield
    except gr.Error as error:
        error.message, error.print_exception = str(error.message)[:MAX_MESSAGE], False
        raise
    except InvalidPathError as error:
        raise gr.Error("Files are uploaded before they are used.", print_exception=False) from error
    except Exception as error:
        if is_full_disk(error):
            sentence = DISK_IS_FULL
        elif isinstance(error, UserError | OSError):
            sentence = html.escape(without_paths(str(error)[:MAX_MESSAGE]), quote=False)
        else:
            logger.exception("A visitor met a bug.")
            sentence = f"{BUG}: the log of this app says what happened."
        raise gr.Error(sentence, print_exception=False) from error


def without_paths(text: str) -> str:
    """A sentence in which files of this machine have their names alone."""
    return ABSOLUTE_PATH.sub(lambda path: path[1], text)


def is_full_disk(error: Exception) -> bool:
    """Whether this says that a disk is full, which then is logged: whoever runs this app has to make room."""
    cause = error.__cause__ if isinstance(error, ComponentProcessingError) else error
    is_full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    if is_full:
        logger.error("A disk is full: %s", cause)
    return is_full


def _check(event: Any, inputs: list[Any], event_data: gr.EventData | None) -> None:
    """Raise UserError for what no control of the page could have sent."""
    components = event.inputs
    if len(inputs) < len(components):
        raise UserError(f"This takes {len(components)} values, but {len(inputs)} were sent.")
    for component, sent in zip(components, inputs, strict=False):
        if not _can_be(component, sent, may_be_list=not event.preprocess):
            raise UserError(f"{component.label or 'A value'} cannot be {ascii(sent)[:100]}.")
    if event.collects_event_data:
        hints = [parameter.annotation for parameter in inspect.signature(event.fn).parameters.values()]
        selected = event_data._data if event_data else None
        if not isinstance(selected, dict) or (gr.SelectData in hints and not {"index", "value"} <= selected.keys()):
            raise UserError("This follows a selection in the page, and cannot be called without.")


def _can_be(component: Any, sent: Any, may_be_list: bool) -> bool:
    if isinstance(component, gr.State):  # which nobody sends
        return True
    if isinstance(component, gr.File):
        files = sent if isinstance(sent, list) else [sent]
        return all(file is None or (isinstance(file, dict) and is_uploaded(file.get("path"))) for file in files)
    if not isinstance(component, PLAIN):
        return sent is None or isinstance(sent, dict)
    takes_lists = isinstance(component, gr.CheckboxGroup) or getattr(component, "multiselect", False)
    if isinstance(sent, list):
        return (takes_lists or may_be_list) and len(sent) <= MAX_TEXT and all(map(_is_plain, sent))
    if may_be_list:  # where nothing but our own code reads it
        return isinstance(sent, int) or _is_plain(sent)
    if isinstance(component, gr.Slider):
        return _is_plain(sent) and isinstance(sent, int | float)
    if isinstance(component, gr.Number):
        return _is_plain(sent) and not isinstance(sent, str)
    return sent is None or (_is_plain(sent) and not takes_lists)


def _is_plain(sent: Any) -> bool:
    """Whether this is a number, a text or nothing, of a size that people use."""
    match sent:
        case str():
            return len(sent) <= MAX_TEXT and not any("\ud800" <= letter <= "\udfff" for letter in sent)
        case int():
            return abs(sent) < MAX_INTEGER
        case float():
            return math.isfinite(sent)
    return sent is None
