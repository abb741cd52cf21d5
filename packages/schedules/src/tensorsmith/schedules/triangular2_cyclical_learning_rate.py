"""Cyclical learning rate with an amplitude that is halved in each cycle."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.cycles import Cycles
from tensorsmith.schedules.schedule import Length


@export
class Triangular2CyclicalLearningRate(Cycles):
    """Cyclical learning rate whose amplitude is halved after each cycle (the "triangular2" policy of Smith).

    Arguments and values are those of TensorFlow Addons. In addition, `step_size` accepts a length in any unit.

    Formula, with the step t, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) / 2^(c - 1)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Float, the learning rate at the start and end of each cycle.
        maximal_learning_rate: Float, the learning rate at the center of the first cycle.
        step_size: Half the length of a cycle, as a number of steps or a string such as "2 epochs".
        scale_mode: Interval at which the amplitude is halved: `"cycle"` for each cycle or `"iterations"` for each step.
        name: Name of the schedule. It is only used in the config of the schedule.

    {{call}}

    Raises:
        ValueError: If a learning rate is not a finite number, `step_size` is not a length of at least one step, or
            `scale_mode` is unknown.

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

    def scale(self, position: Tensor) -> Tensor:
        """Return the factor of the amplitude, which is 1 in the first cycle and halved in each subsequent cycle."""
        return ops.power(2.0, 1.0 - position)
