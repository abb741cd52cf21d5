"""Stochastic weight averaging."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_counts
from tensorsmith.optimizers._support.averaging import Averaging
from tensorsmith.optimizers._support.wrapping import do_if


@export
class SWA(Averaging):
    """Keeps the plain average of weights from several places along training, mostly the ends of cycles.

    With a learning rate that stays high or goes in cycles, training wanders around a wide valley, and the average lies
    in its middle. `assign_average_vars(model.variables)` gives the model the averages, at the end; a model with batch
    normalization then needs new statistics, by `tensorsmith.training.reestimate_batch_norm`. `swap_weights()` swaps
    weights and averages, and back, for an evaluation.

    Formula, with t the number of the update, counted from 0, after the update n = 0, 1, ... for which
    t = start_averaging + n average_period:

        a = a + (w - a) / (n + 1)

    Until then a is as the weights are before the first update, where TensorFlow Addons has zeros.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018.

    Args:
        optimizer: The optimizer that updates the weights, or the name of one.
        start_averaging: The update to begin with.
        average_period: Updates between two that are averaged.
        name: Name of the optimizer.

    Raises:
        ValueError: `optimizer` is none that this can stand around, or a number is out of its range.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = SWA(keras.optimizers.SGD(0.1), start_averaging=1, average_period=2)
        >>> for _ in range(4):
        ...     optimizer.apply([keras.ops.array([1.0, -1.0])], [variable])
        >>> optimizer.assign_average_vars([variable])
        >>> print(variable.numpy().round(4))  # the mean after the second and the fourth update
        [0.7 2.3]
    """

    def __init__(self, optimizer: Optimizer, start_averaging: int = 0, average_period: int = 10, name: str = "SWA"):
        check_counts(0, start_averaging=start_averaging)
        check_counts(1, average_period=average_period)
        super().__init__(optimizer, name)
        self.start_averaging = start_averaging
        self.average_period = average_period

    def after(self, variables: Sequence[Any]) -> None:
        """Takes the weights into their averages, if it is time."""
        since = self._iterations.value - 1 - self.start_averaging
        due = (since >= 0) & (since % self.average_period == 0)
        places = tf.cast(since // self.average_period + 1, tf.float32)
        do_if(due, lambda: self.take_in(variables, 1 / places))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"start_averaging": self.start_averaging, "average_period": self.average_period}
        return {**super().get_config(), **own}
