"""What the dataclass of a configuration says, so that nothing is listed twice: choices, options, form fields, JSON.

A field `num_steps` becomes `--num-steps`; its help is what the docstring says about it under "Attributes".
"""

import argparse
import dataclasses
import math
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from ddim.errors import UserError
from ddim.notation import briefly, written

Configuration = TypeVar("Configuration")


def check_choices(configuration: object) -> None:
    """Raise UserError if the value of a Literal field is not one of its choices."""
    for name, hint in typing.get_type_hints(type(configuration)).items():
        choices, value = typing.get_args(hint), getattr(configuration, name)
        if typing.get_origin(hint) is typing.Literal and value not in choices:
            raise UserError(f"{name} must be one of {', '.join(choices)}, but is {briefly(value)}.")


class Bounds(NamedTuple):
    """What a number may be, written into the type of its field: `epochs: Annotated[int, Bounds(at_least=1)]`."""

    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf

    def admit(self, number: float) -> bool:
        """Whether this number lies within them; infinity and NaN never do."""
        return self.at_least <= number <= self.at_most and self.above < number < self.below

    def __str__(self) -> str:
        """At least 0 and below 1."""
        told = {name.replace("_", " "): bound for name, bound in self._asdict().items() if abs(bound) < math.inf}
        return " and ".join(f"{name} {bound}" for name, bound in told.items())


def check_numbers(configuration: object) -> None:
    """Raise UserError if a field that has Bounds holds what is no number of its type, or one beyond them."""
    for name, hint in typing.get_type_hints(type(configuration), include_extras=True).items():
        if typing.get_origin(hint) is not typing.Annotated:
            continue
        kind, bounds = typing.get_args(hint)
        value, is_list = getattr(configuration, name), kind in (tuple[int, ...], tuple[float, ...])
        is_whole = kind in (int, tuple[int, ...])
        subject, found = (f"each of {name}", "but one is") if is_list else (name, "but is")
        for number in value if is_list else (value,):
            if isinstance(number, bool) or not isinstance(number, int if is_whole else int | float):
                wanted = "a whole number" if is_whole else "a number"
                raise UserError(f"{subject} must be {wanted}, {found} {briefly(number)}.")
            if not bounds.admit(number):
                raise UserError(f"{subject} must be {bounds}, {found} {briefly(number)}.")


class Option(NamedTuple):
    """A field of a configuration: its name, type, default, and what the docstring says about it."""

    name: str
    hint: Any
    default: Any
    text: str


def options_of(kind: type) -> dict[str, Option]:
    """All fields of this kind of configuration by name, including those of configurations inside it."""
    hints, texts = typing.get_type_hints(kind), attribute_texts(kind)
    options: dict[str, Option] = {}
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            options |= options_of(hints[field.name])
        else:
            options[field.name] = Option(field.name, hints[field.name], field.default, texts[field.name])
    return options


def values_of(configuration: Any) -> dict[str, Any]:
    """The value of every option."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(configuration):
        value = getattr(configuration, field.name)
        values |= values_of(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return values


def given(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that are fields of this kind of configuration."""
    return {field.name: values[field.name] for field in dataclasses.fields(kind) if field.name in values}


def from_options(kind: type[Configuration], values: Mapping[str, Any]) -> Configuration:
    """The configuration with these option values, and defaults elsewhere. Raises UserError as `kind` does."""
    nested = {name: from_options(inner, values) for name, inner in _configurations_in(kind).items()}
    return kind(**{**given(kind, values), **nested})


def from_json(kind: type[Configuration], fields: Mapping[str, Any]) -> Configuration:
    """The configuration whose `dataclasses.asdict` went through JSON.

    Raises TypeError for a field that it does not have, and UserError as the configuration does.
    """
    nested = {name: from_json(inner, fields[name]) for name, inner in _configurations_in(kind).items()}
    return kind(**{**fields, **nested})


def add_options(
    parser: argparse.ArgumentParser,
    kind: type,
    without: Collection[str] = (),
    defaults: Mapping[str, Any] = types.MappingProxyType({}),
) -> None:
    """Add an option for each field except those named in `without`. What is not given stays out of the result.

    `defaults` are told in place of the configuration's own.
    """
    for option in options_of(kind).values():
        if option.name in without:
            continue
        flag = "--" + option.name.replace("_", "-")
        default = defaults.get(option.name, option.default)
        text = f"{option.text} Default: {written(default)}.".replace("%", "%%")
        parser.add_argument(flag, help=text, default=argparse.SUPPRESS, **_argument(option.hint))


def arguments_of(configuration: Any) -> list[str]:
    """The command-line arguments that make this configuration again; defaults are left out."""
    arguments = []
    values = values_of(configuration)
    for option in options_of(type(configuration)).values():
        name, value = option.name.replace("_", "-"), values[option.name]
        if value == option.default:
            continue
        if isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
        else:
            arguments.append(f"--{name}={written(value)}")
    return arguments


def read_field(option: Option, value: Any) -> Any:
    """The value of an option as a form sends it. Raises UserError if it cannot be read."""
    try:
        if option.hint in (int, float, bool):
            return option.hint(value)
        if option.hint == tuple[int, ...]:
            return whole_numbers(value)
        if option.hint == tuple[float, ...]:
            return numbers(value or "")
        if option.hint == str | None:
            return (value or "").strip() or None
        return value
    except (TypeError, ValueError, OverflowError, AttributeError, argparse.ArgumentTypeError) as error:
        raise UserError(f"{option.name} cannot be {briefly(value)}: {option.text}") from error


def whole_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers, separated by commas. Raises ArgumentTypeError, which argparse shows, for anything else."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 32,64,96,128") from error


def numbers(text: str) -> tuple[float, ...]:
    """Numbers, separated by commas; none for empty text. Raises ArgumentTypeError for anything else."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0.05,0.1") from error


def _configurations_in(kind: type) -> dict[str, Any]:
    """The kinds of those fields that are configurations themselves."""
    return {name: hint for name, hint in typing.get_type_hints(kind).items() if dataclasses.is_dataclass(hint)}


def attribute_texts(kind: type) -> dict[str, str]:
    """What the docstring says about each field, under "Attributes"."""
    import docstring_parser  # here, since only those who list options need it

    documented = docstring_parser.parse(kind.__doc__ or "").params
    return {entry.arg_name: " ".join((entry.description or "").split()) for entry in documented}


def _argument(hint: Any) -> dict[str, Any]:
    """What argparse has to know about an option of this type."""
    if isinstance(hint, types.UnionType):  # `str | None`: not giving it is None
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if typing.get_origin(hint) is typing.Literal:
        return {"choices": typing.get_args(hint)}
    if hint == tuple[int, ...]:
        return {"type": whole_numbers, "metavar": "N,N,..."}
    if hint == tuple[float, ...]:
        return {"type": numbers, "metavar": "X,X,..."}
    if hint == tuple[str, ...]:
        return {"type": lambda text: tuple(text.split(",")), "metavar": "TEXT,..."}
    return {"type": hint, "metavar": {int: "N", float: "X", str: "TEXT"}[hint]}
