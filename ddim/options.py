"""What a configuration's dataclass says of itself, so that nothing is listed twice: choices, and command-line options.

A field `num_steps` becomes `--num-steps`; its help is what the docstring says of it under "Attributes".
"""

import argparse
import dataclasses
import re
import types
import typing
from typing import Any


def check_choices(configuration: Any) -> None:
    """Raise ValueError if a field of a Literal type has none of its values."""
    for name, hint in typing.get_type_hints(type(configuration)).items():
        choices, value = typing.get_args(hint), getattr(configuration, name)
        if typing.get_origin(hint) is typing.Literal and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, but is {value!r}.")


def add_options(parser: argparse.ArgumentParser, configuration: type) -> None:
    """One option a field; a field that is a configuration itself adds its own. Unset options stay out."""
    hints = typing.get_type_hints(configuration)
    help_texts = attribute_texts(configuration)
    for field in dataclasses.fields(configuration):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            add_options(parser, hint)
            continue
        name = "--" + field.name.replace("_", "-")
        text = f"{help_texts[field.name]} Default: {_written(field.default)}.".replace("%", "%%")
        parser.add_argument(name, help=text, default=argparse.SUPPRESS, **_kind(hint))


def configuration_from(configuration: type, options: dict[str, Any]) -> Any:
    """The configuration with these options, defaults elsewhere. Raises ValueError as the configuration does."""
    hints = typing.get_type_hints(configuration)
    fields = {}
    for field in dataclasses.fields(configuration):
        if dataclasses.is_dataclass(hints[field.name]):
            fields[field.name] = configuration_from(hints[field.name], options)
        elif field.name in options:
            fields[field.name] = options[field.name]
    return configuration(**fields)


def arguments_of(configuration: Any) -> list[str]:
    """The command-line arguments that make this configuration again; defaults are left out."""
    arguments = []
    for field in dataclasses.fields(configuration):
        value, option = getattr(configuration, field.name), "--" + field.name.replace("_", "-")
        if dataclasses.is_dataclass(value):
            arguments += arguments_of(value)
        elif isinstance(value, bool):
            arguments += [option] * (value and not field.default)
            arguments += [option.replace("--", "--no-", 1)] * (field.default and not value)
        elif value != field.default:
            arguments.append(f"{option}={_written(value)}")
    return arguments


def attribute_texts(configuration: type) -> dict[str, str]:
    """What the docstring says of each field, under "Attributes:"."""
    _, _, attributes = configuration.__doc__.partition("Attributes:\n")
    texts = re.findall(r"^ {4,8}(\w+): (.*(?:\n {9,}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in texts}


def _kind(hint: Any) -> dict[str, Any]:
    if isinstance(hint, types.UnionType):  # `str | None`: not giving it is None
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if typing.get_origin(hint) is typing.Literal:
        return {"choices": typing.get_args(hint)}
    if hint == tuple[int, ...]:
        return {"type": _numbers, "metavar": "N,N,..."}
    if hint == tuple[str, ...]:
        return {"type": lambda text: tuple(text.split(",")), "metavar": "TEXT,..."}
    return {"type": hint, "metavar": {int: "N", float: "X", str: "TEXT"}[hint]}


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 32,64,96,128") from error


def _written(default: Any) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return "yes" if default else "no"
        case tuple():
            return ",".join(map(str, default))
        case _:
            return str(default)
