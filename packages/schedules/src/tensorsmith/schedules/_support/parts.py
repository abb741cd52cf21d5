"""Schedules and numbers that are combined into another schedule, such as `Join`."""

import copy
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.schedule import Schedule

KerasSchedule = keras.optimizers.schedules.LearningRateSchedule
Part: TypeAlias = keras.optimizers.schedules.LearningRateSchedule | float


def part(name: str, given: Any) -> Part:
    """Return a validated inner schedule, given as a schedule, a number or a serialized schedule.

    Schedules of this package are copied, because combinators bind their parts. Other schedules are never bound and are
    used without a copy.
    """
    given = keras.saving.deserialize_keras_object(given) if isinstance(given, dict) else given
    if isinstance(given, Schedule):
        # As the memo of deepcopy, it keeps numbers and the schedules of other packages from being copied.
        others = {id(part): part for each in given._tree() for part in each.parts if not isinstance(part, Schedule)}
        return copy.deepcopy(given, others)
    return given if isinstance(given, KerasSchedule) else finite(name, given, "a schedule or a finite number")


def value_at(part: Part, step: Tensor) -> Tensor:
    """Return the `float64` values of an inner schedule at one or more steps.

    Schedules of other packages are called as in Keras optimizers, with one integer at a time.
    """
    if isinstance(part, Schedule):
        return part.formula(step)
    if not isinstance(part, KerasSchedule):
        return ops.full_like(step, part)

    def at(step: Tensor) -> Tensor:
        return ops.cast(part(ops.cast(step, "int64")), "float64")

    if step.shape.rank == 0:
        return at(step)
    one = tf.TensorSpec((), "float64")  # ops.map lacks this argument and fails without steps
    return tf.reshape(tf.map_fn(at, tf.reshape(step, (-1,)), fn_output_signature=one), tf.shape(step))


def end_of(part: Part) -> int | None:
    """Return the step at which an inner schedule becomes constant, or `None` if it is unknown."""
    if isinstance(part, Schedule):
        return part.end
    return None if isinstance(part, KerasSchedule) else 0
