"""Conversion between search spaces and keras-tuner hyperparameters."""

import json
from collections.abc import Mapping
from typing import Any

import keras_tuner

from tensorsmith.core import is_integer, is_number
from tensorsmith.tuning.space import Choice, Float, Int, Range, in_order


def as_hyperparameters(space: Mapping[str, Range]) -> keras_tuner.HyperParameters:
    """Returns the keras-tuner hyperparameters that represent a search space."""
    # Conditional scopes cannot express a dependency on two hyperparameters, but the serialized form can.
    return keras_tuner.HyperParameters.from_config(
        {"space": [_saved(space, name) for name in in_order(space)], "values": {}}
    )


def as_fields(space: Mapping[str, Range], drawn: keras_tuner.HyperParameters) -> dict[str, Any]:
    """Returns a dict of the sampled values of all hyperparameters that are active in a trial."""
    active: dict[str, Any] = {}
    for name in in_order(space):  # a worker receives default values of inactive hyperparameters, too
        if name in drawn.values and all(
            parent in active and space[name].allows(parent, active[parent]) for parent in space[name].when
        ):
            active[name] = _value(space[name], drawn.values[name])
    return {name: active[name] for name in space if name in active}


def as_drawn(
    space: Mapping[str, Range], fields: Mapping[str, Any], known: keras_tuner.HyperParameters
) -> dict[str, Any]:
    """Returns values of hyperparameters as values that keras-tuner supports, the inverse of `as_fields`.

    Args:
        space: Mapping from names to search ranges.
        fields: Values of hyperparameters.
        known: Hyperparameters of keras-tuner that represent the space.
    """
    options = {each.name: each.values for each in known.space if isinstance(space.get(each.name), Choice)}
    labels = {name: _label(space[name], value) for name, value in fields.items()}
    # Searches of earlier versions represent booleans by JSON strings.
    return {
        name: json.dumps(label) if isinstance(label, bool) and label not in options[name] else label
        for name, label in labels.items()
    }


def with_fields(space: Mapping[str, Range], drawn: keras_tuner.HyperParameters) -> keras_tuner.HyperParameters:
    """Returns a copy of hyperparameters with the values that a trial receives instead of those of keras-tuner."""
    copy = drawn.copy()
    others = {name: value for name, value in drawn.values.items() if name not in space}
    copy.values = others | as_fields(space, drawn)
    return copy


def is_value(known: Range, value: Any) -> bool:
    """Returns `True` if a value, which may have been read from a JSON file, is one that a range can have."""
    if isinstance(known, Choice):
        return _as_lists(value) in map(_as_lists, known.options)
    return is_number(value) and (is_integer(value) or not isinstance(known, Int))


def _as_lists(value: Any) -> Any:
    """Converts tuples to lists recursively, as JSON serialization does."""
    return [_as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _saved(space: Mapping[str, Range], name: str) -> dict[str, Any]:
    known = space[name]
    conditions = [
        {"class_name": "Parent", "config": {"name": parent, "values": _matching(space[parent], known, parent)}}
        for parent in known.when
    ]
    common = {"name": name, "conditions": conditions}
    if isinstance(known, Choice):
        options = [_label(known, option) for option in known.options]
        if isinstance(options[0], bool):  # a `Choice` of keras-tuner converts booleans to integers
            if len(options) == 1:
                return {"class_name": "Fixed", "config": {**common, "value": options[0]}}
            return {"class_name": "Boolean", "config": {**common, "default": options[0]}}
        return {"class_name": "Choice", "config": {**common, "default": None, "values": options, "ordered": None}}
    if not isinstance(known, Float | Int):
        raise NotImplementedError(type(known).__name__)
    step = known.step if isinstance(known, Int) else None
    ends = {"min_value": known.low, "max_value": known.high, "step": step, "sampling": "log" if known.log else "linear"}
    return {"class_name": "Int" if isinstance(known, Int) else "Float", "config": {**common, "default": None, **ends}}


def _matching(parent: Range, child: Range, name: str) -> list[Any]:
    """Returns the values of the hyperparameter `parent` with which the hyperparameter `child` is active."""
    if isinstance(parent, Choice):
        return [_label(parent, option) for option in parent.options if child.allows(name, option)]
    wanted = child.when[name]
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def _label(known: Range, option: Any) -> Any:
    """Returns an option as a value that keras-tuner supports, which is JSON for `None`, tuples and mixed types."""
    if not isinstance(known, Choice):
        return option
    kinds = {type(each) for each in known.options}
    return option if kinds in ({bool}, {int}, {float}, {str}) else json.dumps(option)


def _value(known: Range, drawn: Any) -> Any:
    if isinstance(known, Choice):
        if {type(each) for each in known.options} == {bool}:
            return json.loads(drawn) if isinstance(drawn, str) else bool(drawn)
        found = [option for option in known.options if _label(known, option) == drawn]
        if not found:
            raise ValueError(f"{drawn!r} is none of the options {known.options}")
        return found[0]
    kind = int if isinstance(known, Int) else float  # Python types instead of NumPy types
    # The Bayesian oracle may exceed the maximum integer by one, because it rounds down from an open interval.
    return kind(min(max(drawn, known.low), known.high)) if isinstance(known, Int | Float) else drawn
