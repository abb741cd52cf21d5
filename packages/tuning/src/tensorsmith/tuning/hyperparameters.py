"""Between a search space and keras-tuner's hyperparameters."""

import json
from collections.abc import Mapping
from typing import Any

import keras_tuner

from tensorsmith.tuning.space import Choice, Range, Real, Whole, in_order


def as_hyperparameters(space: Mapping[str, Range]) -> keras_tuner.HyperParameters:
    """The space as keras-tuner has it."""
    # Its scopes cannot say that one depends on two others; the form in which it saves spaces can.
    return keras_tuner.HyperParameters.from_config(
        {"space": [_saved(space, name) for name in in_order(space)], "values": {}}
    )


def as_fields(space: Mapping[str, Range], drawn: keras_tuner.HyperParameters) -> dict[str, Any]:
    """Field to value, for those that are searched under the conditions of this draw."""
    return {name: _value(space[name], drawn.values[name]) for name in space if name in drawn.values}


def _saved(space: Mapping[str, Range], name: str) -> dict[str, Any]:
    known = space[name]
    conditions = [
        {"class_name": "Parent", "config": {"name": parent, "values": _matching(space[parent], known, parent)}}
        for parent in known.when
    ]
    common = {"name": name, "default": None, "conditions": conditions}
    if isinstance(known, Choice):
        options = [_label(known, option) for option in known.options]
        return {"class_name": "Choice", "config": {**common, "values": options, "ordered": None}}
    if not isinstance(known, Real | Whole):
        raise NotImplementedError(type(known).__name__)
    step = known.step if isinstance(known, Whole) else None
    ends = {"min_value": known.low, "max_value": known.high, "step": step, "sampling": "log" if known.log else "linear"}
    return {"class_name": "Int" if isinstance(known, Whole) else "Float", "config": {**common, **ends}}


def _matching(parent: Range, child: Range, name: str) -> list[Any]:
    """The values of a hyperparameter under which another is searched, as keras-tuner holds them."""
    if isinstance(parent, Choice):
        return [_label(parent, option) for option in parent.options if child.allows(name, option)]
    wanted = child.when[name]
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def _label(known: Range, option: Any) -> Any:
    """An option as keras-tuner can hold it: all of one kind, and neither tuples nor None."""
    if not isinstance(known, Choice):
        return option
    kinds = {type(each) for each in known.options}
    return option if kinds in ({int}, {float}, {str}) else json.dumps(option)


def _value(known: Range, drawn: Any) -> Any:
    if isinstance(known, Choice):
        return next(option for option in known.options if _label(known, option) == drawn)
    kind = int if isinstance(known, Whole) else float  # of Python, not of NumPy
    # Its Bayesian oracle may draw one above the highest whole number: it rounds down from the interval's open end.
    return kind(min(max(drawn, known.low), known.high)) if isinstance(known, Whole | Real) else drawn
