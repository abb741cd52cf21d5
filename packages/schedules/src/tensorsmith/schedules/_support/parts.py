"""What combinators are made of: schedules of this package, Keras' or a user's, and numbers."""

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
    """A part from what was given for an argument: a schedule, a number, or either from a config.

    Schedules of this package are copied, since whatever has them as parts binds them. Others, which are never bound,
    stay the ones given.
    """
    given = keras.saving.deserialize_keras_object(given) if isinstance(given, dict) else given
    if isinstance(given, Schedule):
        others = {id(part): part for each in given._tree() for part in each.parts if not isinstance(part, Schedule)}
        return copy.deepcopy(given, others)
    return given if isinstance(given, KerasSchedule) else finite(name, given, "a schedule or a finite number")


def value_at(part: Part, step: Tensor) -> Tensor:
    """A part's value at a step, which is float64 and of any shape.

    Schedules that are not of this package get what Keras' optimizers give them: one whole number at a time.
    """
    if isinstance(part, Schedule):
        return part.formula(step)
    if not isinstance(part, KerasSchedule):
        return ops.full_like(step, part)

    def at(step: Tensor) -> Tensor:
        return ops.cast(part(ops.cast(step, "int64")), "float64")

    if step.shape.rank == 0:
        return at(step)
    one = tf.TensorSpec((), "float64")  # ops.map, which has no such argument, needs a first step to find out
    return tf.reshape(tf.map_fn(at, tf.reshape(step, (-1,)), fn_output_signature=one), tf.shape(step))


def end_of(part: Part) -> int | None:
    """The step from which on a part's value stays as it is, or None if that is not known."""
    if isinstance(part, Schedule):
        return part.end
    return None if isinstance(part, KerasSchedule) else 0
