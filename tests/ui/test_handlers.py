"""How handlers of the page are called, and what a visitor is told if something goes wrong."""

import inspect
import logging

import gradio as gr
import pytest

from ddim.errors import UserError
from ddim.ui.edge import errors_shown
from ddim.ui.handlers import named

INPUTS = {"seed": gr.Number(), "weights": gr.Dropdown()}


def test_a_handler_gets_its_inputs_by_name_and_the_api_sees_these_names():
    def make(weights, seed):
        """Make a picture."""
        return f"{weights} {seed}"

    shown = named(make, INPUTS)
    assert shown(7, "roses") == "roses 7"
    assert list(inspect.signature(shown).parameters) == ["seed", "weights"]
    assert (shown.__name__, shown.__doc__) == ("make", "Make a picture.")


def test_a_generator_stays_one():
    def make(seed, **more):
        yield seed
        yield more

    assert inspect.isgeneratorfunction(named(make, INPUTS))
    assert list(named(make, INPUTS)(7, "roses")) == [7, {"weights": "roses"}]


@pytest.mark.parametrize("error", [UserError("No <b> here."), OSError("No <b> here.")])
def test_what_the_visitor_or_the_system_did_is_told_as_it_is(error, caplog):
    def make(seed, weights):
        raise error

    with pytest.raises(gr.Error, match="No &lt;b&gt; here."), errors_shown():
        named(make, INPUTS)(7, "roses")
    assert not caplog.records


@pytest.mark.parametrize("error", [ValueError("operands could not be broadcast"), KeyError("seeds"), TypeError()])
def test_a_bug_is_logged_with_its_traceback_and_not_told_as_the_visitors_fault(error, caplog):
    def make(seed, weights):
        yield seed
        raise error

    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error, match="it is not your fault"), errors_shown():
        list(named(make, INPUTS)(7, "roses"))
    assert "in make" in caplog.text and type(error).__name__ in caplog.text
