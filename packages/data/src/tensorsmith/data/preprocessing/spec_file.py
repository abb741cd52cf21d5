"""Representation of the choices and statistics of a feature spec in JSON."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorsmith.core import check
from tensorsmith.data.preprocessing.choices import (
    Bucketize,
    Cross,
    FeatureChoice,
    Hash,
    Lookup,
    Passthrough,
    Standardize,
    Text,
)
from tensorsmith.data.preprocessing.date_choices import Calendar, DaysSince
from tensorsmith.data.preprocessing.impute import FillStatistics

KINDS: dict[str, type[FeatureChoice]] = {
    kind.__name__: kind
    for kind in (Bucketize, Calendar, Cross, DaysSince, Hash, Lookup, Passthrough, Standardize, Text)
}


def describe_choice(choice: FeatureChoice) -> dict[str, Any]:
    """Returns the name of the class and the arguments of a preprocessing option.

    Raises:
        ValueError: If its class is not one of this package.
    """
    kind = type(choice)
    check(KINDS.get(kind.__name__) is kind, "choices", choice, f"one of {', '.join(KINDS)} to be saved")
    fields = {field.name: getattr(choice, field.name) for field in dataclasses.fields(choice)}
    return {"choice": kind.__name__, **fields}


def choice_of(description: Mapping[str, Any]) -> FeatureChoice:
    """Returns the preprocessing option with a description."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in description.items()
    }
    return KINDS[fields.pop("choice")](**fields)


def describe_statistics(statistics: Any) -> Any:
    """Returns the state of an accumulator, or `None` if there is none."""
    if statistics is None:
        return None
    if isinstance(statistics, FillStatistics):
        inner = describe_statistics(statistics.accumulator)
        return {"present": statistics.present, "missing": statistics.missing, "accumulator": inner}
    return {name: _encode(value) for name, value in vars(statistics).items()}


def restore_statistics(statistics: Any, state: Any) -> Any:
    """Returns a new accumulator with the state of another one."""
    if statistics is None or state is None:
        return None
    if isinstance(statistics, FillStatistics):
        statistics.present, statistics.missing = state["present"], state["missing"]
        restore_statistics(statistics.accumulator, state["accumulator"])
        return statistics
    for name, before in vars(statistics).items():
        setattr(statistics, name, _decode(before, state[name]))
    return statistics


def _encode(value: Any) -> Any:
    """Returns an attribute of an accumulator as a JSON value. Floats are exact."""
    if isinstance(value, Counter):  # of bytes or integers
        return [[token.decode("latin-1") if isinstance(token, bytes) else token, n] for token, n in value.items()]
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.tolist() if isinstance(value, np.ndarray) else value


def _decode(before: Any, value: Any) -> Any:
    """Returns an attribute of an accumulator, given that of a new one."""
    if isinstance(before, Counter):
        return Counter({token.encode("latin-1") if isinstance(token, str) else token: count for token, count in value})
    if isinstance(before, np.random.Generator):
        before.bit_generator.state = value
        return before
    return np.array(value, before.dtype) if isinstance(before, np.ndarray) else value
