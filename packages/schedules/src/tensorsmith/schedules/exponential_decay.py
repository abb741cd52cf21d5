"""Exponential decay schedule."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class ExponentialDecay(Schedule):
    """Exponential decay by a factor of `rate` every `steps` steps, continuously or as a staircase.

    With a rate above 1 the value increases, for example for a learning rate range test: `ExponentialDecay(1e-5, 500,
    rate=1e6)` increases from 1e-5 to 10 in 500 steps.

    Formula, with the step t, where t / steps is rounded down if `staircase` is `True`:

        value = initial * rate^(t / steps)

    Source: Senior et al., "An Empirical Study of Learning Rates in Deep Neural Networks for Speech Recognition", 2013.

    Args:
        initial: Value at step 0.
        steps: Period after which the value has been multiplied by `rate`, as a number of steps or a string such as "5
            epochs".
        rate: Decay factor, `> 0`.
        staircase: If `True`, decay at discrete intervals of `steps` steps.

    {{call}}

    Raises:
        ValueError: If `initial` is not a finite number, `rate` is not a positive number, `staircase` is not a bool, or
            `steps` is not a length of at least one step.

    Example:
        >>> ExponentialDecay(0.1, steps=20)([0, 20, 40]).numpy()
        array([0.1  , 0.01 , 0.001], dtype=float32)
    """

    def __init__(self, initial: float, steps: Length, rate: float = 0.1, staircase: bool = False):
        self.initial = finite("initial", initial)
        self.rate = above_zero("rate", rate)
        check(isinstance(staircase, bool), "staircase", staircase, "True or False")
        self.staircase = staircase
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        times = step / self.length("steps")
        return self.initial * ops.power(self.rate, ops.floor(times) if self.staircase else times)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"initial": self.initial, "rate": self.rate, "staircase": self.staircase, **super().get_config()}
