"""A schedule times a number."""

from typing import Any

import keras

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.parts import Part, end_of, part, value_at
from tensorsmith.schedules.schedule import Schedule


@export
class Scale(Schedule):
    """A schedule times a number.

    As when a batch is k times as large and the learning rate shall be, too.

    Formula, with t the step:

        value = factor * schedule(t)

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, for the rule above.

    Args:
        schedule: A schedule, of this package or Keras', or a number.
        factor: What to multiply by.

    {{call}}

    Raises:
        ValueError: `schedule` is no schedule and no number, or `factor` is no finite number.

    Example:
        >>> from tensorsmith.schedules import Linear
        >>> Scale(Linear(0.1, 0.0, steps=10), 8)([0, 5, 10]).numpy()
        array([0.8, 0.4, 0. ], dtype=float32)
    """

    def __init__(self, schedule: Part, factor: float):
        self.schedule = part("schedule", schedule)
        self.factor = finite("factor", factor)
        self.parts = [self.schedule]
        super().__init__()

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        return self.factor * value_at(self.schedule, step)

    @property
    def end(self) -> int | None:
        """That of the schedule."""
        return end_of(self.schedule)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"schedule": keras.saving.serialize_keras_object(self.schedule), "factor": self.factor}
        return {**own, **super().get_config()}
