"""Validation of hyperparameter schedules, and conversion of their lengths to training steps."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from tensorsmith.core import Timeline, Verbatim, check
from tensorsmith.core.keras_internals import learning_rate_schedule
from tensorsmith.training._support.model_layers import parts_of
from tensorsmith.training.gradients.optimizers import optimizers_within

SAMPLES = 16  # steps at which a schedule is evaluated

log = logging.getLogger("tensorsmith.training")

Schedules = Mapping[str, tuple[keras.Variable, Callable[[Any], Any]]]


def check_schedules(schedules: Schedules) -> None:
    """Raises an error unless `schedules` maps names to pairs of a variable and a schedule."""
    for name, pair in schedules.items():
        fits = isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], keras.Variable) and callable(pair[1])
        check(fits, f"schedules[{name!r}]", Verbatim(repr(pair)), "a tuple of a keras.Variable and a schedule")


def bind(owner: object, schedules: Iterable[Any], timeline: Timeline) -> bool:
    """Converts the lengths of all schedules, including schedules in optimizers, to steps of the training run.

    Returns:
        `True` if there is a schedule with a method `bind`.

    Raises:
        ValueError: If a schedule requires a length that is unknown for this run.
    """
    optimizers = [within for part in parts_of(owner) for within in optimizers_within(part)]
    held = [value for optimizer in optimizers for value in vars(optimizer).values()]
    found = [each for each in (*schedules, *held) if _wants_to_know(each)]
    for schedule in found:
        schedule.bind(timeline)
    return bool(found)


def warn_of_zero_rates(optimizer: Any, timeline: Timeline) -> None:
    """Logs a warning for each learning rate schedule that is 0 at all steps of a run.

    This happens if `fit` is called again with an optimizer whose schedule has ended.
    """
    steps = timeline.total_steps or 2
    for each in optimizers_within(optimizer):
        schedule = learning_rate_schedule(each)
        done = int(keras.ops.convert_to_numpy(each.iterations))
        offsets = {i * (steps - 1) // (SAMPLES - 1) for i in range(SAMPLES)}
        if schedule and not any(float(keras.ops.convert_to_numpy(schedule(done + offset))) for offset in offsets):
            log.warning(
                "The learning rate of %s is 0 in all steps of this run, because the optimizer has done %d steps "
                "already. Pass a new optimizer, or a schedule with more steps.",
                type(schedule).__name__,
                done,
            )


def _wants_to_know(value: Any) -> bool:
    return isinstance(value, keras.optimizers.schedules.LearningRateSchedule) and hasattr(value, "bind")
