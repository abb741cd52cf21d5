"""Current values of learning rates and other scheduled hyperparameters, which are added to the logs."""

import re
from collections.abc import Iterable
from typing import Any

import keras

from tensorsmith.core.types import Variable
from tensorsmith.training.fit.scheduled import Schedules

_SEVERAL: Any = getattr(keras.optimizers, "MultiOptimizer", ())  # available since Keras 3.15


def current_hyperparameters(optimizer: Any, schedules: Schedules) -> dict[str, float]:
    """Returns a dict of the current learning rates and the current values of scheduled hyperparameters."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    rates = {}
    if isinstance(optimizer, _SEVERAL):
        named = zip(_lasting_names(optimizer.optimizers), optimizer.optimizers, strict=True)
        rates = {f"learning_rate_{name}": _number(each.learning_rate) for name, each in named}
    elif isinstance(optimizer, keras.optimizers.Optimizer):
        rates = {"learning_rate": _number(optimizer.learning_rate)}
    return {**rates, **{name: _number(variable) for name, (variable, _) in schedules.items()}}


def _lasting_names(optimizers: Iterable[keras.optimizers.Optimizer]) -> list[str]:
    """Returns unique optimizer names that do not depend on the name counters of Keras."""
    names: list[str] = []
    for each in optimizers:
        base = re.sub(r"_\d+$", "", each.name)
        made_by_keras = base.replace("_", "") == type(each).__name__.lower()
        name, number = base if made_by_keras else each.name, 1
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _number(variable: Variable) -> float:
    return float(keras.ops.convert_to_numpy(variable))
