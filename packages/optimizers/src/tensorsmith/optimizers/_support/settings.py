"""Settings that may change while training goes on: a number, a schedule of steps, or a function without arguments."""

from collections.abc import Mapping
from typing import Any

import keras

from tensorsmith.core.types import Hyperparameter, Scalar, Variable


def current(setting: Hyperparameter, step: Variable) -> Scalar:
    """The setting's value.

    Args:
        setting: A number, a schedule, or a function without arguments.
        step: For the schedule.
    """
    if isinstance(setting, keras.optimizers.schedules.LearningRateSchedule):
        return setting(step)
    return setting() if callable(setting) else setting


def to_config(setting: Hyperparameter | None) -> float | dict[str, Any] | None:
    """The setting as a config holds it."""
    return keras.saving.serialize_keras_object(setting) if callable(setting) else setting


def from_config(
    held: float | dict[str, Any] | None, custom_objects: Mapping[str, Any] | None = None
) -> Hyperparameter | None:
    """The setting of a config."""
    return keras.saving.deserialize_keras_object(held, custom_objects) if isinstance(held, dict) else held
