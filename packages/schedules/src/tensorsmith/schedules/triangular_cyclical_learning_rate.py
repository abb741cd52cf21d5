"""Cycles of one height."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.cycles import Cycles
from tensorsmith.schedules.schedule import Length


@export
class TriangularCyclicalLearningRate(Cycles):
    """Up and down between two learning rates, again and again: Smith's policy "triangular".

    Arguments and numbers are TensorFlow Addons'. Besides, `step_size` takes a length in any unit.

    Formula, with t the step, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Value at the ends of each cycle.
        maximal_learning_rate: Value in the middle of each cycle.
        step_size: Half of a cycle: a number of steps, or a text such as "2 epochs".
        scale_mode: "cycle" or "iterations"; it has no effect.
        name: Name of the schedule; it has no effect.

    {{call}}

    Raises:
        ValueError: A rate is no finite number, `step_size` is no length of at least one step, or there is no such mode.

    Example:
        >>> TriangularCyclicalLearningRate(0.1, 0.5, step_size=10)([0, 5, 10, 20, 30]).numpy()
        array([0.1, 0.3, 0.5, 0.1, 0.5], dtype=float32)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: Length,
        scale_mode: str = "cycle",
        name: str = "TriangularCyclicalLearningRate",
    ):
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, place: Tensor) -> Tensor:
        """Always 1."""
        return ops.ones_like(place)
