"""Check of the metadata of a checkpoint, which may come from somebody else."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorsmith.core import is_integer

Test = Callable[[Any], bool]


def find_mistake(metadata: Any) -> str:
    """Returns the name of a field that is missing or has a value of another kind, or an empty string."""
    if not isinstance(metadata, Mapping):
        return "all fields"
    return next((name for name, fits in TESTS.items() if name not in metadata or not fits(metadata[name])), "")


def _is_count(value: Any) -> bool:
    return is_integer(value) and value >= 0


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_position(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.keys() != {"epoch", "step", "total", "begun"}:
        return False
    return all(_is_count(value[name]) for name in ("epoch", "step", "total")) and _is_bool(value["begun"])


def _is_state(value: Any) -> bool:
    if not isinstance(value, Mapping) or not {"optimizer", "metrics", "variables"} <= value.keys():
        return False
    variables = value["variables"]
    return isinstance(variables, list) and all(isinstance(each, list) and len(each) == 3 for each in variables)


def _is_data(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        name in value and (value[name] is None or is_integer(value[name])) for name in ("batch_size", "steps")
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_array(value: Any) -> bool:
    """Returns `True` if a value is a number or nested lists of numbers."""
    return all(map(_is_array, value)) if isinstance(value, list) else _is_number(value)


def _is_logs(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_array, value.values()))


def _is_history(value: Any) -> bool:
    """Returns `True` if the values of each metric have the same shape, and its name can be written to a file."""
    if not _is_logs(value) or not all(isinstance(each, list) for each in value.values()):
        return False
    try:
        for name, values in value.items():
            name.encode(), np.array(values, float)
    except (ValueError, OverflowError):
        return False
    return True


def _is_mappings(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in value.values())


def _is_random(value: Any) -> bool:
    """Returns `True` if the random number generators of Python and NumPy accept a state."""
    try:
        version, words, gauss = value["python"]
        random.Random().setstate((version, tuple(words), gauss))
        name, keys, position, has_gauss, cached = value["numpy"]
        if not (is_integer(position) and 0 <= position <= len(keys)):  # NumPy would read outside of the array
            return False
        np.random.RandomState().set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))
    except (ValueError, TypeError, LookupError, OverflowError):
        return False
    return gauss is None or _is_number(gauss)


TESTS: dict[str, Test] = {
    "seed": is_integer,
    "jit": _is_bool,
    "state": _is_state,
    "data": _is_data,
    "position": _is_position,
    "stopped": _is_bool,
    "logs": _is_logs,
    "history": _is_history,
    "callbacks": _is_mappings,
    "random": _is_random,
    "loss": _is_number,
}
