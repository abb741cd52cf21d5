"""Cycles that halve."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.cycles import Cycles
from tensorsmith.schedules.schedule import Length


@export
class Triangular2CyclicalLearningRate(Cycles):
    """Up and down, with half the height in each cycle that follows: Smith's policy "triangular2".

    Arguments and numbers are TensorFlow Addons'. Besides, `step_size` takes a length in any unit.

    Formula, with t the step, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) / 2^(c - 1)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Value at the ends of each cycle.
        maximal_learning_rate: Value in the middle of the first cycle.
        step_size: Half of a cycle: a number of steps, or a text such as "2 epochs".
        scale_mode: What halves the height, "cycle" or, for each step, "iterations".
        name: Name of the schedule; it has no effect.

    {{call}}

    Raises:
        ValueError: A rate is no finite number, `step_size` is no length of at least one step, or there is no such mode.

    Example:
        >>> Triangular2CyclicalLearningRate(0.1, 0.5, step_size=10)([0, 5, 10, 20, 30]).numpy()
        array([0.1, 0.3, 0.5, 0.1, 0.3], dtype=float32)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: Length,
        scale_mode: str = "cycle",
        name: str = "Triangular2CyclicalLearningRate",
    ):
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, place: Tensor) -> Tensor:
        """Halves from place 1 on."""
        return ops.power(2.0, 1.0 - place)
