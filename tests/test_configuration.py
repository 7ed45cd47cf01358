import argparse
import dataclasses
from typing import Annotated, Literal, get_origin, get_type_hints

import pytest

from ddim.configuration import Bounds, add_options, attribute_texts, from_json, from_options, options_of, read_field
from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
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


NUMBERS = [option for option in options_of(TrainConfig).values() if option.hint in (int, float)]
LISTS = [option for option in options_of(TrainConfig).values() if option.hint in (tuple[int, ...], tuple[float, ...])]
NO_NUMBERS = [float("nan"), float("inf"), float("-inf"), 10**30, 10**400, -(10**5000), 1e300, -1e300, -1]
NO_NUMBERS += [True, "7", None, [1]]


@pytest.mark.parametrize("option", [*NUMBERS, *LISTS], ids=lambda option: option.name)
def test_every_number_of_a_training_has_bounds_that_a_sentence_tells(option):
    for value in NO_NUMBERS:
        with pytest.raises(UserError, match=rf"^(each of )?{option.name} must be ") as error:
            from_options(TrainConfig, {option.name: value if option in NUMBERS else (value, value)})
        assert str(error.value).endswith(".") and len(str(error.value)) < 200


def test_lists_without_end_are_refused():
    for name in ("widths", "average_lengths"):
        with pytest.raises(UserError, match=name):
            from_options(TrainConfig, {name: (0.1 if name == "average_lengths" else 8,) * 100_000})


@pytest.mark.parametrize("kind", [UNetConfig, ModelConfig, TrainConfig])
def test_no_number_goes_without_bounds(kind):
    hints = get_type_hints(kind, include_extras=True)
    numbers = [
        name for name, hint in get_type_hints(kind).items() if hint in (int, float, tuple[int, ...], tuple[float, ...])
    ]
    assert numbers and all(get_origin(hints[name]) is Annotated for name in numbers)


def test_bounds_admit_what_they_tell():
    assert [number for number in (-1, 0, 0.5, 1) if Bounds(at_least=0, below=1).admit(number)] == [0, 0.5]
    assert [number for number in (-1, 0, 0.5, 1) if Bounds(above=0, at_most=1).admit(number)] == [0.5, 1]
    assert str(Bounds(at_least=0, below=1)) == "at least 0 and below 1"
    assert str(Bounds(above=0)) == "above 0"
    assert not any(Bounds().admit(number) for number in (float("nan"), float("inf"), float("-inf")))


def test_a_network_of_more_weights_than_a_thousand_million_is_refused_before_it_is_built():
    config = UNetConfig(image_size=64, widths=(2048, 4096, 8192), block_depth=2)
    with pytest.raises(UserError, match="^This network would have 4266491971 weights, but 1000000000 is the limit"):
        ModelConfig(config)
    ModelConfig(UNetConfig(image_size=256, widths=(256, 512, 1024, 2048), block_depth=3))


def test_a_batch_that_no_machine_has_memory_for_is_refused():
    with pytest.raises(
        UserError, match="^To learn from a batch of 65536 pictures, this network would take about [0-9]+ GiB"
    ):
        TrainConfig(batch_size=65_536)
    with pytest.raises(UserError, match="but 1024 GiB is the limit: make batch_size, image_size or widths smaller.$"):
        from_options(TrainConfig, {"image_size": 2048, "attention_levels": 4})
    TrainConfig(batch_size=8192)


def test_a_form_that_holds_infinity_is_refused():
    for name in ("epochs", "learning_rate"):
        with pytest.raises(UserError, match=name):
            from_options(TrainConfig, {name: read_field(options_of(TrainConfig)[name], float("inf"))})
