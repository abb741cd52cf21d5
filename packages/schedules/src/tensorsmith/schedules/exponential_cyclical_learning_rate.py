"""Cyclical learning rate with exponentially decreasing amplitude."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.cycles import Cycles
from tensorsmith.schedules.schedule import Length


@export
class ExponentialCyclicalLearningRate(Cycles):
    """Cyclical learning rate whose amplitude decreases exponentially (the "exp_range" policy of Smith).

    Arguments and values are those of TensorFlow Addons. In addition, `step_size` accepts a length in any unit, and the
    schedule can be used in an optimizer, whose integer steps TensorFlow Addons does not support as exponents.

    Formula, with the step t, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) * gamma^(t or c)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Float, the learning rate at the start and end of each cycle.
        maximal_learning_rate: Float, the learning rate at the center of a cycle if `gamma` is 1.
        step_size: Half the length of a cycle, as a number of steps or a string such as "2 epochs".
        scale_mode: Exponent of `gamma`: `"iterations"` for the step, or `"cycle"` for the cycle number, starting from
            1.
        gamma: Base of the exponential decay of the amplitude.
        name: Name of the schedule. It is only used in the config of the schedule.

    {{call}}

    Raises:
        ValueError: If a learning rate or `gamma` is not a finite number, `step_size` is not a length of at least one
            step, or `scale_mode` is unknown.

    Example:
        >>> rate = ExponentialCyclicalLearningRate(0.1, 0.5, step_size=10, scale_mode="cycle", gamma=0.5)
        >>> rate([0, 5, 10, 20, 30]).numpy()
        array([0.1, 0.2, 0.3, 0.1, 0.2], dtype=float32)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: Length,
        scale_mode: str = "iterations",
        gamma: float = 1.0,
        name: str = "ExponentialCyclicalLearningRate",
    ):
        self.gamma = finite("gamma", gamma)
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, position: Tensor) -> Tensor:
        """Return `gamma` raised to the power of the step or cycle."""
        return ops.power(self.gamma, position)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {**super().get_config(), "gamma": self.gamma}
