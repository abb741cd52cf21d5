"""Polynomial decay schedule."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Polynomial(Schedule):
    """Polynomial decay from `initial` to `final`.

    With a power above 1, the decay is fast at the start; with a power below 1, it is fast at the end.

    Formula, with the step t:

        value = final + (initial - final) * (1 - min(t / steps, 1))^power

    Source: Chen et al., "DeepLab", 2016, for the learning rate with power 0.9.

    Args:
        initial: Value at step 0.
        final: Value at and after the end of the decay.
        steps: Length of the decay, as a number of steps or a string such as "5 epochs".
        power: Power of the polynomial, `> 0`. With a power of 1, the schedule is equivalent to `Linear`.

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, `power` is not positive, or `steps` is not a length of at least
            one step.

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
        """Return the value of the schedule at a step."""
        # Bounded, because a fractional power of a negative number is NaN.
        left = 1.0 - ops.minimum(step / self.length("steps"), 1.0)
        return between(self.final, self.initial, ops.power(left, self.power))

    @property
    def end(self) -> int:
        """Step at which the value `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"initial": self.initial, "final": self.final, "power": self.power, **super().get_config()}
