"""Hyperparameters that may change during training: numbers, schedules, and callables without arguments."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core.types import Hyperparameter, Scalar, Variable


def current(setting: Hyperparameter, step: Variable) -> Scalar:
    """Return the current value of a hyperparameter.

    Args:
        setting: Hyperparameter, given as a number, a schedule, or a callable without arguments.
        step: Step at which a schedule is evaluated.
    """
    if isinstance(setting, keras.optimizers.schedules.LearningRateSchedule):
        return setting(step)
    return setting() if callable(setting) else setting


def to_config(setting: Hyperparameter | None) -> float | dict[str, Any] | None:
    """Return the hyperparameter in serialized form for a config. A tensor is stored as a number."""
    if tf.is_tensor(setting):
        return float(setting)  # type: ignore[arg-type]
    return keras.saving.serialize_keras_object(setting) if callable(setting) else setting


def from_config(
    held: float | dict[str, Any] | None, custom_objects: Mapping[str, Any] | None = None
) -> Hyperparameter | None:
    """Return the hyperparameter that is stored in a config."""
    return keras.saving.deserialize_keras_object(held, custom_objects) if isinstance(held, dict) else held
