import argparse
import dataclasses
from typing import Literal

import pytest

from ddim.configuration import add_options, attribute_texts, from_json, from_options
from ddim.diffusion.sampling import SampleConfig
from ddim.model.diffusion_model import ModelConfig
from ddim.model.unet import UNetConfig
from ddim.training.config import PRESETS, TrainConfig


@dataclasses.dataclass(frozen=True)
class Inner:
    """A configuration within.

    Attributes:
        sizes: Sizes, of which
            there are several.
    """

    sizes: tuple[int, ...] = (1, 2)

    def __post_init__(self):
        if min(self.sizes) < 1:
            raise ValueError("sizes must be positive.")


@dataclasses.dataclass(frozen=True)
class Outer:
    """A configuration.

    Attributes:
        inner: The one within.
        count: How many.
        rate: How fast, in % of light.
        kind: Which kind.
        label: A name, or none.
        is_loud: Whether it is loud.
    """

    inner: Inner = dataclasses.field(default_factory=Inner)
    count: int = 3
    rate: float = 0.5
    kind: Literal["plain", "fancy"] = "plain"
    label: str | None = None
    is_loud: bool = False


def parse(*arguments, configuration=Outer):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, configuration)
    return from_options(configuration, vars(parser.parse_args(arguments)))


def test_without_options_the_defaults_hold():
    assert parse() == Outer()


def test_every_field_is_an_option_by_its_name_with_dashes():
    parsed = parse(
        "--sizes", "5,6,7", "--count", "4", "--rate", "1e-3", "--kind", "fancy", "--label", "rose", "--is-loud"
    )
    assert parsed == Outer(Inner((5, 6, 7)), 4, 1e-3, "fancy", "rose", True)


def test_a_switch_can_be_turned_off():
    assert parse("--no-is-loud") == Outer(is_loud=False)
    assert parse("--is-loud", "--no-is-loud") == Outer(is_loud=False)


@pytest.mark.parametrize("arguments", [("--sizes", "5,six"), ("--count", "4.5"), ("--rate", "fast"), ("--kind", "odd")])
def test_what_cannot_be_read_is_refused_with_the_name_of_the_option(arguments):
    with pytest.raises(argparse.ArgumentError, match=arguments[0]):
        parse(*arguments)


def test_what_the_configuration_refuses_is_refused():
    with pytest.raises(ValueError, match="sizes must be positive"):
        parse("--sizes", "0,1")


def test_help_says_what_the_docstring_says_and_the_default():
    parser = argparse.ArgumentParser()
    add_options(parser, Outer)
    text = " ".join(parser.format_help().split())
    assert "Sizes, of which there are several. Default: 1,2." in text
    assert "How fast, in % of light. Default: 0.5." in text
    assert "A name, or none. Default: none." in text
    assert "Whether it is loud. Default: no." in text
    assert "{plain,fancy}" in text


@pytest.mark.parametrize("configuration", [TrainConfig, ModelConfig, UNetConfig, SampleConfig])
def test_every_field_is_described(configuration):
    texts = attribute_texts(configuration)
    assert list(texts) == [field.name for field in dataclasses.fields(configuration)]
    assert all(text.endswith(".") for text in texts.values())


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_made_of_options(preset):
    parser = argparse.ArgumentParser()
    add_options(parser, TrainConfig)
    names = {action.dest for action in parser._actions}
    assert names >= PRESETS[preset].keys()
    config = from_options(TrainConfig, PRESETS[preset])
    assert (config == TrainConfig()) == (preset == "tutorial")


def test_a_configuration_is_the_same_after_its_way_through_json():
    config = from_options(TrainConfig, {**PRESETS["quick"], "prediction_type": "velocity", "init_weights": "rose"})
    assert from_json(TrainConfig, dataclasses.asdict(config)) == config
