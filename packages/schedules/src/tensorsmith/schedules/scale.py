"""Schedule multiplied by a constant."""

from typing import Any

import keras

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.parts import Part, end_of, part, value_at
from tensorsmith.schedules.schedule import Schedule


@export
class Scale(Schedule):
    """Schedule multiplied by a constant factor.

    For example, multiply the learning rate by k if the batch size is multiplied by k.

    Formula, with the step t:

        value = factor * schedule(t)

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, for the linear scaling
    rule.

    Args:
        schedule: Schedule whose values are multiplied: a schedule of this package or of Keras, or a number.
        factor: Factor by which the values are multiplied.

    {{call}}

    Raises:
        ValueError: If `schedule` is neither a schedule nor a number, or `factor` is not a finite number.

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
        """Return the value of the schedule at a step."""
        return self.factor * value_at(self.schedule, step)

    @property
    def end(self) -> int | None:
        """Step at which the inner schedule becomes constant, or `None` if it is unknown."""
        return end_of(self.schedule)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        own = {"schedule": keras.saving.serialize_keras_object(self.schedule), "factor": self.factor}
        return {**own, **super().get_config()}
