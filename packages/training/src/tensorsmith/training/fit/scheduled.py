"""Hyperparameters that follow a schedule, and what a schedule has to know of the run."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from tensorsmith.core import Timeline, Verbatim, check
from tensorsmith.training._support.model_layers import parts_of
from tensorsmith.training.gradients.optimizers_within import optimizers_within

Schedules = Mapping[str, tuple[keras.Variable, Callable[[Any], Any]]]


def check_schedules(schedules: Schedules) -> None:
    """Refuses what is no name with a variable and a function of the step."""
    for name, pair in schedules.items():
        fits = isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], keras.Variable) and callable(pair[1])
        check(fits, f"schedules[{name!r}]", Verbatim(repr(pair)), "a keras.Variable and a schedule, as a pair")


def bind(owner: object, schedules: Iterable[Any], timeline: Timeline) -> bool:
    """Tells schedules what the run is made of: some schedules, and those in the optimizers that an object holds.

    Returns:
        Whether there was one that wants to know, by having a method `bind`.

    Raises:
        ValueError: A schedule has a length that the run does not say.
    """
    optimizers = [within for part in parts_of(owner) for within in optimizers_within(part)]
    held = [value for optimizer in optimizers for value in vars(optimizer).values()]
    found = [each for each in (*schedules, *held) if _wants_to_know(each)]
    for schedule in found:
        schedule.bind(timeline)
    return bool(found)


def _wants_to_know(value: Any) -> bool:
    return isinstance(value, keras.optimizers.schedules.LearningRateSchedule) and hasattr(value, "bind")
