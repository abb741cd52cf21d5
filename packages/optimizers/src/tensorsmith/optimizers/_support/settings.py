"""Hyperparameters that may change during training: a number, a schedule, or a callable without arguments."""

from collections.abc import Mapping
from typing import Any

import keras

from tensorsmith.core.types import Hyperparameter, Scalar, Variable


def current(setting: Hyperparameter, step: Variable) -> Scalar:
    """Return the current value of a hyperparameter.

    Args:
        setting: A number, a schedule, or a callable without arguments.
        step: Step to evaluate a schedule at.
    """
    if isinstance(setting, keras.optimizers.schedules.LearningRateSchedule):
        return setting(step)
    return setting() if callable(setting) else setting


def to_config(setting: Hyperparameter | None) -> float | dict[str, Any] | None:
    """Return the hyperparameter in the form stored in a config."""
    return keras.saving.serialize_keras_object(setting) if callable(setting) else setting


def from_config(
    held: float | dict[str, Any] | None, custom_objects: Mapping[str, Any] | None = None
) -> Hyperparameter | None:
    """Return the hyperparameter stored in a config."""
    return keras.saving.deserialize_keras_object(held, custom_objects) if isinstance(held, dict) else held
