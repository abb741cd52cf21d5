"""Power scheduling."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class PowerDecay(Schedule):
    """Falls fast at first, then ever more slowly: to a half after `steps` steps, to a third after twice as many.

    With exponent 1 it is what `decay=1 / steps` did for Keras 2's optimizers, which Keras 3 ignores with a warning, and
    `keras.optimizers.schedules.InverseTimeDecay`, which has no other exponent.

    Formula, with t the step:

        value = initial / (1 + t / steps)^exponent

    Source: Robbins and Monro, "A Stochastic Approximation Method", 1951, for steps that shrink like 1 / t.

    Args:
        initial: Value at step 0.
        steps: How long it takes to divide by 2^exponent: a number of steps, or a text such as "5 epochs".
        exponent: How strongly it falls; below 0 it rises.

    {{call}}

    Raises:
        ValueError: A value is no finite number, or `steps` is no length of at least one step.

    Example:
        >>> PowerDecay(0.6, steps=100)([0, 100, 200, 300]).numpy()
        array([0.6 , 0.3 , 0.2 , 0.15], dtype=float32)
    """

    def __init__(self, initial: float, steps: Length, exponent: float = 1.0):
        self.initial = finite("initial", initial)
        self.exponent = finite("exponent", exponent)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        return self.initial / ops.power(1.0 + step / self.length("steps"), self.exponent)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"initial": self.initial, "exponent": self.exponent, **super().get_config()}
