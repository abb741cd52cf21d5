"""A power of the way that is left."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Polynomial(Schedule):
    """From `initial` to `final` with a power of the way that is left: above 1 fast at first, below 1 fast at the end.

    Formula, with t the step:

        value = final + (initial - final) * (1 - min(t / steps, 1))^power

    Source: Chen et al., "DeepLab", 2016, for the learning rate with power 0.9.

    Args:
        initial: Value at step 0.
        final: Value from the end on.
        steps: How long the way takes: a number of steps, or a text such as "5 epochs".
        power: The power, above 0; with 1 it is `Linear`.

    {{call}}

    Raises:
        ValueError: A value is no finite number, `power` is not above 0, or `steps` is no length of at least one step.

    Example:
        >>> Polynomial(1.0, 0.0, steps=10, power=2.0)([0, 5, 10, 100]).numpy()
        array([1.  , 0.25, 0.  , 0.  ], dtype=float32)
    """

    def __init__(self, initial: float, final: float, steps: Length, power: float):
        self.initial = finite("initial", initial)
        self.final = finite("final", final)
        self.power = above_zero("power", power)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        left = 1.0 - ops.minimum(step / self.length("steps"), 1.0)
        return between(self.final, self.initial, ops.power(left, self.power))

    @property
    def end(self) -> int:
        """Where `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"initial": self.initial, "final": self.final, "power": self.power, **super().get_config()}
