"""What a configuration's dataclass says of itself, so that nothing is listed twice: choices, and command-line options.

A field `num_steps` becomes `--num-steps`; its help is what the docstring says of it under "Attributes".
"""

import argparse
import dataclasses
import re
import types
import typing
from collections.abc import Collection
from typing import Any, NamedTuple


def check_choices(configuration: Any) -> None:
    """Raise ValueError if a field of a Literal type has none of its values."""
    for name, hint in typing.get_type_hints(type(configuration)).items():
        choices, value = typing.get_args(hint), getattr(configuration, name)
        if typing.get_origin(hint) is typing.Literal and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, but is {value!r}.")


class Option(NamedTuple):
    """A field of a configuration: its name, type, default, and what the docstring says of it."""

    name: str
    hint: Any
    default: Any
    text: str


def options_of(configuration: type) -> dict[str, Option]:
    """All fields by name; a field that is a configuration itself stands for its own."""
    hints, texts = typing.get_type_hints(configuration), attribute_texts(configuration)
    options = {}
    for field in dataclasses.fields(configuration):
        if dataclasses.is_dataclass(hints[field.name]):
            options |= options_of(hints[field.name])
        else:
            options[field.name] = Option(field.name, hints[field.name], field.default, texts[field.name])
    return options


def values_of(configuration: Any) -> dict[str, Any]:
    """The value of every option."""
    values = {}
    for field in dataclasses.fields(configuration):
        value = getattr(configuration, field.name)
        values |= values_of(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return values


def configuration_from(configuration: type, values: dict[str, Any]) -> Any:
    """The configuration with these values, defaults elsewhere. Raises ValueError as the configuration does."""
    hints = typing.get_type_hints(configuration)
    fields = {}
    for field in dataclasses.fields(configuration):
        if dataclasses.is_dataclass(hints[field.name]):
            fields[field.name] = configuration_from(hints[field.name], values)
        elif field.name in values:
            fields[field.name] = values[field.name]
    return configuration(**fields)


def attribute_texts(configuration: type) -> dict[str, str]:
    """What the docstring says of each field, under "Attributes:"."""
    _, _, attributes = configuration.__doc__.partition("Attributes:\n")
    texts = re.findall(r"^ {4,8}(\w+): (.*(?:\n {9,}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in texts}


def add_options(parser: argparse.ArgumentParser, configuration: type, without: Collection[str] = ()) -> None:
    """One command-line option for each, but for those named in `without`. What is not given stays out of the result."""
    for option in options_of(configuration).values():
        if option.name in without:
            continue
        flag = "--" + option.name.replace("_", "-")
        text = f"{option.text} Default: {written(option.default)}.".replace("%", "%%")
        parser.add_argument(flag, help=text, default=argparse.SUPPRESS, **_kind(option.hint))


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


def _kind(hint: Any) -> dict[str, Any]:
    if isinstance(hint, types.UnionType):  # `str | None`: not giving it is None
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if typing.get_origin(hint) is typing.Literal:
        return {"choices": typing.get_args(hint)}
    if hint == tuple[int, ...]:
        return {"type": numbers, "metavar": "N,N,..."}
    if hint == tuple[str, ...]:
        return {"type": lambda text: tuple(text.split(",")), "metavar": "TEXT,..."}
    return {"type": hint, "metavar": {int: "N", float: "X", str: "TEXT"}[hint]}


def numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 32,64,96,128") from error


def written(value: Any) -> str:
    """A value as it is typed."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)
