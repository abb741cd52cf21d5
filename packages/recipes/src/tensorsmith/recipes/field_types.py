"""Descriptions of the types of configuration fields, and conversion of their values from and to text."""

import types
import typing
from typing import Any, Literal, Union

import yaml
from jsonargparse import typing as numbers

from tensorsmith.core import did_you_mean, parse_yaml

DESCRIPTIONS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    type(None): "null",
    numbers.PositiveInt: "an integer > 0",
    numbers.NonNegativeInt: "an integer >= 0",
    numbers.PositiveFloat: "a number > 0",
    numbers.NonNegativeFloat: "a number >= 0",
    numbers.ClosedUnitInterval: "a number >= 0 and <= 1",
    numbers.OpenUnitInterval: "a number > 0 and < 1",
}


def describe(kind: Any) -> str:
    """Return a description of the values that a type accepts, which follows "must be" in error messages.

    Example:
        >>> from jsonargparse.typing import PositiveInt
        >>> describe(tuple[PositiveInt, ...])
        'a list of values that are each an integer > 0'
        >>> describe(bool | Literal["auto", "measure"])
        'true or false, or one of auto, measure'
    """
    if kind in DESCRIPTIONS:
        return DESCRIPTIONS[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}" if len(arguments) > 1 else str(arguments[0])
    if origin in (Union, types.UnionType):
        return ", or ".join(map(describe, arguments))
    if is_list(kind):
        return f"a list of values that are each {describe(arguments[0])}" if arguments else "a list"
    return f"a value of type {getattr(kind, '__name__', kind)}"


def choices(kind: Any) -> list[str]:
    """Return the strings that a type with `Literal` accepts."""
    if typing.get_origin(kind) is Literal:
        return [str(choice) for choice in typing.get_args(kind)]
    return [choice for part in typing.get_args(kind) for choice in choices(part)]


def closest_choice(kind: Any, value: Any) -> str:
    """Return a question that suggests the most similar string that a type accepts, or an empty string."""
    return did_you_mean(value, choices(kind)) if isinstance(value, str) else ""


def accepts_none(kind: Any) -> bool:
    """Return `True` if `None` is a value of a type."""
    return kind in (None, type(None), Any) or any(map(accepts_none, typing.get_args(kind)))


def is_list(kind: Any) -> bool:
    """Return `True` if values of a type are lists or tuples."""
    return kind in (list, tuple) or typing.get_origin(kind) in (list, tuple)


def as_list(value: Any) -> Any:
    """Return a value of a list field as a list: `128` and `"128,64"` become `[128]` and `[128, 64]`."""
    if isinstance(value, str):
        try:
            return [parse_yaml(part) for part in value.split(",")]
        except yaml.YAMLError:
            return value  # an error names the expected type
    return value if isinstance(value, list | tuple | dict) or value is None else [value]


def to_flow_yaml(value: Any) -> str:
    """Return a value as YAML on a single line."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
