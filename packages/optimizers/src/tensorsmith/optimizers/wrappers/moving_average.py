"""Moving averages of weights."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_counts, check_shares
from tensorsmith.optimizers._support.averaging import Averaging


@export
class MovingAverage(Averaging):
    """Keeps an exponential moving average of the weights, which often does better than the weights.

    Training goes on with the weights. `swap_weights()` swaps them and their averages, and back, for an evaluation;
    `assign_average_vars(model.variables)` gives the model the averages for good. Statistics of batch normalization are
    those of the weights; `tensorsmith.training.reestimate_batch_norm` makes others.

    Formula, after each update, with t its number, counted from 0, and a as the weights are before the first:

        d = 0                                                                   if t < start_step
            min(average_decay, (1 + t - start_step) / (10 + t - start_step))    with `dynamic_decay`
            average_decay                                                       otherwise
        a = d a + (1 - d) w

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.

    Args:
        optimizer: The optimizer that updates the weights, or the name of one.
        average_decay: How much of an average stays.
        num_updates: A number n of updates that takes `average_decay` down to (1 + n) / (10 + n), if that is less.
        start_step: The update to begin with.
        dynamic_decay: Whether less stays in the first updates, so that averages follow faster.
        name: Name of the optimizer.

    Raises:
        ValueError: `optimizer` is none that this can stand around, or a number is out of its range.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = MovingAverage(keras.optimizers.SGD(0.1), average_decay=0.5)
        >>> optimizer.apply([keras.ops.array([1.0, -1.0])], [variable])
        >>> print(variable.numpy().round(4))
        [0.9 2.1]
        >>> optimizer.swap_weights()
        >>> print(variable.numpy().round(4))
        [0.95 2.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        average_decay: float = 0.99,
        num_updates: int | None = None,
        start_step: int = 0,
        dynamic_decay: bool = False,
        name: str = "MovingAverage",
    ):
        check_shares(average_decay=average_decay)
        check_counts(0, start_step=start_step)
        if num_updates is not None:
            check_counts(0, num_updates=num_updates)
        super().__init__(optimizer, name)
        self.average_decay = average_decay
        self.num_updates = num_updates
        self.start_step = start_step
        self.dynamic_decay = dynamic_decay

    def after(self, variables: Sequence[Any]) -> None:
        """Takes the weights into their averages."""
        since = tf.cast(self._iterations - 1 - self.start_step, tf.float32)
        decay: Any = self.average_decay
        if self.num_updates is not None:
            decay = min(decay, (1 + self.num_updates) / (10 + self.num_updates))
        if self.dynamic_decay:
            decay = tf.minimum(decay, (1 + since) / tf.maximum(10 + since, 1))
        self.take_in(variables, tf.where(since < 0, 1.0, 1 - decay))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "average_decay": self.average_decay,
            "num_updates": self.num_updates,
            "start_step": self.start_step,
            "dynamic_decay": self.dynamic_decay,
        }
        return {**super().get_config(), **own}
