"""Schedule that is clipped to a range."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.parts import Part, end_of, part, value_at
from tensorsmith.schedules.schedule import Schedule


@export
class Clip(Schedule):
    """Schedule whose values are clipped to a minimum and a maximum.

    For example, it sets a lower bound for a decaying learning rate or for the probability of random actions.

    Formula, with the step t:

        value = min(max(schedule(t), minimum), maximum)

    Args:
        schedule: Schedule whose values are clipped: a schedule of this package or of Keras, or a number.
        minimum: Minimum value, or `None` for no minimum.
        maximum: Maximum value, or `None` for no maximum.

    {{call}}

    Raises:
        ValueError: If `schedule` is neither a schedule nor a number, a bound is neither `None` nor a finite number,
            both are `None`, or the minimum is greater than the maximum.

    Example:
        >>> from tensorsmith.schedules import Linear
        >>> Clip(Linear(1.0, 0.0, steps=500), minimum=0.01)([0, 250, 499, 500]).numpy()
        array([1.  , 0.5 , 0.01, 0.01], dtype=float32)
    """

    def __init__(self, schedule: Part, minimum: float | None = None, maximum: float | None = None):
        self.schedule = part("schedule", schedule)
        self.minimum = minimum if minimum is None else finite("minimum", minimum)
        self.maximum = maximum if maximum is None else finite("maximum", maximum)
        if self.minimum is None or self.maximum is None:
            check(self.minimum != self.maximum, "minimum or maximum", Verbatim("None for both"), "passed")
        else:
            check(self.minimum <= self.maximum, "minimum", minimum, f"<= `maximum` ({maximum})")
        self.parts = [self.schedule]
        super().__init__()

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        value = value_at(self.schedule, step)
        value = value if self.minimum is None else ops.maximum(value, self.minimum)
        return value if self.maximum is None else ops.minimum(value, self.maximum)

    @property
    def end(self) -> int | None:
        """Step at which the inner schedule becomes constant, or `None` if it is unknown."""
        return end_of(self.schedule)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        own = {"schedule": keras.saving.serialize_keras_object(self.schedule)}
        return {**own, "minimum": self.minimum, "maximum": self.maximum, **super().get_config()}
