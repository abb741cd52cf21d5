"""Decay rates given as variables, and momentum given as a variable or a schedule, which are read in each step."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import keras
import tensorflow as tf

from tensorsmith.core.keras_internals import iterations_variable
from tensorsmith.core.types import Hyperparameter
from tensorsmith.optimizers._support import settings


def is_live(setting: Hyperparameter) -> bool:
    """Return `True` if a hyperparameter is a variable or a schedule instead of a constant."""
    return isinstance(setting, keras.Variable | keras.optimizers.schedules.LearningRateSchedule)


def to_config(setting: Hyperparameter) -> Any:
    """Return a hyperparameter in serialized form. A variable is stored as its current value, marked as a variable."""
    return {"variable": float(setting)} if isinstance(setting, keras.Variable) else settings.to_config(setting)


def from_config(held: Any, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the hyperparameter that is stored in a config. A variable is created with the given name."""
    if isinstance(held, dict) and "variable" in held:
        return keras.Variable(held["variable"], trainable=False, name=name)
    return settings.from_config(held, custom_objects)


def as_double(rate: Hyperparameter) -> Any:
    """Return a decay rate for a computation in `float64`. A Python number is returned unchanged, as it is precise."""
    return tf.cast(rate, tf.float64) if tf.is_tensor(rate) else rate


class LiveRates(keras.optimizers.Optimizer):
    """Mixin for optimizers whose decay rates may be variables, which are read in each step.

    List it before the optimizer among the bases.
    """

    live_rates: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2")  # names of the arguments

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        return {**super().get_config(), **{name: to_config(getattr(self, name)) for name in self.live_rates}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        rates = {name: from_config(config[name], name, custom_objects) for name in cls.live_rates if name in config}
        return super().from_config({**config, **rates}, custom_objects)


class LiveMomentum(keras.optimizers.Optimizer):
    """Mixin for optimizers whose momentum may be a variable or a schedule.

    List it before the optimizer among the bases. A trace contains the values of numbers but reads variables when it
    runs. For a schedule, a variable is therefore created and assigned before each step, so that the optimizer only has
    to support numbers and variables. Both are part of its state.
    """

    live = "momentum"  # name of the argument

    def adopt(self, setting: Hyperparameter) -> None:
        """Store a hyperparameter as an attribute. A schedule is replaced by a variable that holds its value."""
        if isinstance(setting, keras.optimizers.schedules.LearningRateSchedule):
            self._momentum_schedule = setting
            setting = self.add_variable((), "zeros", name=self.live)
        setattr(self, self.live, setting)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Evaluate the momentum schedule, if there is one, and update the model variables.

        Args:
            grads: List of gradients.
            trainable_variables: List of the corresponding variables. If `None`, the variables that the optimizer was
                built with are used.
        """
        schedule = getattr(self, "_momentum_schedule", None)
        if schedule is not None:
            # Assigned before the step, so that a traced update reads the current value.
            getattr(self, self.live).assign(schedule(iterations_variable(self)))
        super().apply(grads, trainable_variables)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        setting = getattr(self, "_momentum_schedule", getattr(self, self.live))
        return {**super().get_config(), self.live: to_config(setting)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        held = config.get(cls.live)
        given = {} if held is None else {cls.live: from_config(held, cls.live, custom_objects)}
        return super().from_config({**config, **given}, custom_objects)
