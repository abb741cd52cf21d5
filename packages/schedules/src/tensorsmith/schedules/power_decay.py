"""Power decay schedule."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class PowerDecay(Schedule):
    """Inverse power decay, by default to 1/2 of the initial value after `steps` steps and 1/3 after `2 * steps` steps.

    With exponent 1, it is equivalent to `decay=1 / steps` of the optimizers of Keras 2, which Keras 3 ignores with a
    warning, and to `keras.optimizers.schedules.InverseTimeDecay`, which supports no other exponent.

    Formula, with the step t:

        value = initial / (1 + t / steps)^exponent

    Source: Robbins and Monro, "A Stochastic Approximation Method", 1951, for step sizes proportional to 1 / t.

    Args:
        initial: Value at step 0.
        steps: Period after which the initial value has been divided by 2^exponent, as a number of steps or a string
            such as "5 epochs".
        exponent: Exponent of the decay. With a negative exponent, the value increases.

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, or `steps` is not a length of at least one step.

    Example:
        >>> PowerDecay(0.6, steps=100)([0, 100, 200, 300]).numpy()
        array([0.6 , 0.3 , 0.2 , 0.15], dtype=float32)
    """

    def __init__(self, initial: float, steps: Length, exponent: float = 1.0):
        self.initial = finite("initial", initial)
        self.exponent = finite("exponent", exponent)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        return self.initial / ops.power(1.0 + step / self.length("steps"), self.exponent)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"initial": self.initial, "exponent": self.exponent, **super().get_config()}
