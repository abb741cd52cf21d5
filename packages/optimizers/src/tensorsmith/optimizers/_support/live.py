"""Momentum that is read anew in every step: a variable, which a schedule may fill."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras

from tensorsmith.core.types import Hyperparameter
from tensorsmith.optimizers._support import settings


def is_live(setting: Hyperparameter) -> bool:
    """Whether a setting is a variable or a schedule, and no number for good."""
    return isinstance(setting, keras.Variable | keras.optimizers.schedules.LearningRateSchedule)


class LiveMomentum(keras.optimizers.Optimizer):
    """What optimizers share whose momentum may be a variable or a schedule; it stands before another optimizer.

    A trace holds numbers as they were and reads variables as they are. So a schedule gets a variable, which is filled
    before each step, and the rest of the optimizer knows numbers and variables only. Both are part of its state.
    """

    live = "momentum"  # the argument

    def adopt(self, setting: Hyperparameter) -> None:
        """Keeps the setting under its name: as it is, or as a variable that a schedule fills."""
        if isinstance(setting, keras.optimizers.schedules.LearningRateSchedule):
            self._momentum_schedule = setting
            setting = self.add_variable((), "zeros", name=self.live)
        setattr(self, self.live, setting)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Updates the variables.

        Args:
            grads: The gradients.
            trainable_variables: A variable for each; those the optimizer was built with if None.
        """
        schedule = getattr(self, "_momentum_schedule", None)
        if schedule is not None:
            getattr(self, self.live).assign(schedule(self._iterations))
        super().apply(grads, trainable_variables)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`; of a variable its value, and that it is one."""
        setting = getattr(self, "_momentum_schedule", getattr(self, self.live))
        held = {"variable": float(setting)} if isinstance(setting, keras.Variable) else settings.to_config(setting)
        return {**super().get_config(), self.live: held}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer with the arguments of `get_config`."""
        setting = config.get(cls.live)
        if isinstance(setting, dict) and "variable" in setting:
            setting = keras.Variable(setting["variable"], trainable=False, name=cls.live)
        elif setting is not None:
            setting = settings.from_config(setting, custom_objects)
        given = {} if setting is None else {cls.live: setting}
        return super().from_config({**config, **given}, custom_objects)
