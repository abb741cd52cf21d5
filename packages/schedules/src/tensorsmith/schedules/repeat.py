"""Schedule that repeats another schedule periodically."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.parts import Part, part, value_at
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Repeat(Schedule):
    """Periodic repetition of a schedule.

    Percentages within the repeated schedule refer to the entire run.

    Formula, with the step t:

        value = schedule(t mod every)

    Args:
        schedule: Schedule to repeat: a schedule of this package or of Keras, or a number.
        every: Length of a period, as a number of steps or a string such as "5 epochs".

    {{call}}

    Raises:
        ValueError: If `schedule` is neither a schedule nor a number, or `every` is not a length of at least one step.

    Example:
        >>> from tensorsmith.schedules import Linear
        >>> Repeat(Linear(0.0, 1.0, steps=2), every=4)([0, 1, 2, 3, 4, 5]).numpy()
        array([0. , 0.5, 1. , 1. , 0. , 0.5], dtype=float32)
    """

    def __init__(self, schedule: Part, every: Length):
        self.schedule = part("schedule", schedule)
        self.parts = [self.schedule]
        super().__init__(every=every)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        return value_at(self.schedule, ops.mod(step, self.length("every")))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), **super().get_config()}
