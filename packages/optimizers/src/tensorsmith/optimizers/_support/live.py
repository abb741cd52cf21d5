"""Momentum given as a variable or a schedule, which is evaluated in each step."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras

from tensorsmith.core.keras_internals import iterations_variable
from tensorsmith.core.types import Hyperparameter
from tensorsmith.optimizers._support import settings


def is_live(setting: Hyperparameter) -> bool:
    """Return `True` if a hyperparameter is a variable or a schedule instead of a constant."""
    return isinstance(setting, keras.Variable | keras.optimizers.schedules.LearningRateSchedule)


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
        """Return the config of the optimizer. A variable is stored as its current value and marked as a variable."""
        setting = getattr(self, "_momentum_schedule", getattr(self, self.live))
        held = {"variable": float(setting)} if isinstance(setting, keras.Variable) else settings.to_config(setting)
        return {**super().get_config(), self.live: held}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        setting = config.get(cls.live)
        if isinstance(setting, dict) and "variable" in setting:
            setting = keras.Variable(setting["variable"], trainable=False, name=cls.live)
        elif setting is not None:
            setting = settings.from_config(setting, custom_objects)
        given = {} if setting is None else {cls.live: setting}
        return super().from_config({**config, **given}, custom_objects)
