"""Cycles that fade."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.cycles import Cycles
from tensorsmith.schedules.schedule import Length


@export
class ExponentialCyclicalLearningRate(Cycles):
    """Up and down, with a height that shrinks by a factor in every step: Smith's policy "exp_range".

    Arguments and numbers are TensorFlow Addons'. Besides, `step_size` takes a length in any unit, and an optimizer can
    use it: its steps are integers, which Addons' cannot take a power with.

    Formula, with t the step, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) * gamma^(t or c)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Value at the ends of each cycle.
        maximal_learning_rate: Value in the middle of a cycle, if `gamma` is 1.
        step_size: Half of a cycle: a number of steps, or a text such as "2 epochs".
        scale_mode: What the height shrinks with, "iterations" or "cycle", whose numbers begin with 1.
        gamma: What the height is multiplied by each time.
        name: Name of the schedule; it has no effect.

    {{call}}

    Raises:
        ValueError: A rate or `gamma` is no finite number, `step_size` is no length of at least one step, or there is no
            such mode.

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

    def scale(self, place: Tensor) -> Tensor:
        """A power of gamma."""
        return ops.power(self.gamma, place)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "gamma": self.gamma}
