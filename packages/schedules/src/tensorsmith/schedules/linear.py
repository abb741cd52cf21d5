"""Linear schedule."""

from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Linear(Schedule):
    """Linear interpolation from `initial` to `final`, followed by a constant value.

    Use it to decrease a learning rate or the probability of random actions, or to increase the weight of a loss
    gradually.

    Formula, with the step t:

        value = initial + (final - initial) * min(t / steps, 1)

    Source: Mnih et al., "Human-Level Control through Deep Reinforcement Learning", 2015, for random actions.

    Args:
        initial: Value at step 0.
        final: Value at and after the end of the interpolation.
        steps: Length of the interpolation, as a number of steps or a string such as "5 epochs".

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, or `steps` is not a length of at least one step.

    Example:
        >>> Linear(1.0, 0.1, steps=90)([0, 10, 90, 1000]).numpy()
        array([1. , 0.9, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, initial: float, final: float, steps: Length):
        self.initial = finite("initial", initial)
        self.final = finite("final", final)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        return between(self.initial, self.final, step / self.length("steps"))

    @property
    def end(self) -> int:
        """Step at which the value `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"initial": self.initial, "final": self.final, **super().get_config()}
