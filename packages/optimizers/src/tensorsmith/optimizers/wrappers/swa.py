"""Optimizer wrapper for stochastic weight averaging."""

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
    """Optimizer wrapper for stochastic weight averaging, the mean of weights sampled at regular intervals.

    With a high or cyclical learning rate, training explores a wide minimum, and the mean of the weights, usually those
    at the ends of cycles, is close to its center. At the end, `assign_average_vars(model.variables)` assigns the
    averages to the model. A model with batch normalization then needs new statistics from
    `tensorsmith.training.reestimate_batch_norm`. `swap_weights()` swaps weights and averages for an evaluation, and
    swaps them back when called again.

    Formula, with the number t of the update, counted from 0, after the updates n = 0, 1, ... for which
    t = start_averaging + n average_period:

        a = a + (w - a) / (n + 1)

    Before, a contains the weights before the first update, whereas TensorFlow Addons has zeros.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018.

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        start_averaging: Index of the update at which averaging starts.
        average_period: Number of optimizer updates between two samples of the weights.
        name: Name of the optimizer.

    Raises:
        ValueError: If `optimizer` cannot be wrapped, or a number is out of range.

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
        """Add the weights to the averages every `average_period` optimizer updates."""
        # `updates` already counts this update, whereas t in the formula starts from 0.
        since = self.updates.value - 1 - self.start_averaging
        due = (since >= 0) & (since % self.average_period == 0)
        # n + 1 in the formula: the number of averaged weights, including those of this update.
        positions = tf.cast(since // self.average_period + 1, tf.float32)
        do_if(due, lambda: self.take_in(variables, 1 / positions))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        own = {"start_averaging": self.start_averaging, "average_period": self.average_period}
        return {**super().get_config(), **own}
