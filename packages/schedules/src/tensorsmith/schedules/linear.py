"""A straight line."""

from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Linear(Schedule):
    """A straight line from `initial` to `final`, where it stays.

    Down for a learning rate or the share of random actions, up for the weight of a loss that comes in gently.

    Formula, with t the step:

        value = initial + (final - initial) * min(t / steps, 1)

    Source: Mnih et al., "Human-Level Control through Deep Reinforcement Learning", 2015, for random actions.

    Args:
        initial: Value at step 0.
        final: Value from the end on.
        steps: How long the way takes: a number of steps, or a text such as "5 epochs".

    {{call}}

    Raises:
        ValueError: A value is no finite number, or `steps` is no length of at least one step.

    Example:
        >>> Linear(1.0, 0.1, steps=90)([0, 10, 90, 1000]).numpy()
        array([1. , 0.9, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, initial: float, final: float, steps: Length):
        self.initial = finite("initial", initial)
        self.final = finite("final", final)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        return between(self.initial, self.final, step / self.length("steps"))

    @property
    def end(self) -> int:
        """Where the line ends."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"initial": self.initial, "final": self.final, **super().get_config()}
