"""Optimizer wrapper with an exponential moving average of the weights."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_counts, check_fractions
from tensorsmith.optimizers._support.averaging import Averaging


@export
class MovingAverage(Averaging):
    """Optimizer wrapper that maintains an exponential moving average of the weights.

    Averaged weights often have a better accuracy. Training continues with the weights themselves. `swap_weights()`
    swaps weights and averages for an evaluation, and swaps them back when called again.
    `assign_average_vars(model.variables)` assigns the averages to the model permanently. The statistics of batch
    normalization are those of the weights; `tensorsmith.training.reestimate_batch_norm` recomputes them.

    Formula, after each update with number t, counted from 0, where a is initialized with the weights before the first
    update:

        d = 0                                                                   if t < start_step
            min(average_decay, (1 + t - start_step) / (10 + t - start_step))    with `dynamic_decay`
            average_decay                                                       otherwise
        a = d a + (1 - d) w

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        average_decay: Decay rate of the moving average.
        num_updates: Optional number of updates n, which limits `average_decay` to at most (1 + n) / (10 + n).
        start_step: Index of the update at which averaging starts.
        dynamic_decay: If `True`, the decay rate is smaller in the first updates, so that the averages adapt more
            quickly.
        name: Name of the optimizer.

    Raises:
        ValueError: If `optimizer` cannot be wrapped, or a number is out of range.

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
        check_fractions(average_decay=average_decay)
        check_counts(0, start_step=start_step)
        if num_updates is not None:
            check_counts(0, num_updates=num_updates)
        super().__init__(optimizer, name)
        self.average_decay = average_decay
        self.num_updates = num_updates
        self.start_step = start_step
        self.dynamic_decay = dynamic_decay

    def after(self, variables: Sequence[Any]) -> None:
        """Update the moving averages of the weights."""
        # `updates` already counts this update, whereas t in the formula starts from 0.
        since = tf.cast(self.updates - 1 - self.start_step, tf.float32)
        decay: Any = self.average_decay
        if self.num_updates is not None:
            # Constant upper bound for a given number of updates, as in TensorFlow Addons.
            decay = min(decay, (1 + self.num_updates) / (10 + self.num_updates))
        if self.dynamic_decay:
            # The denominator is bounded, because `since` is negative before `start_step`.
            decay = tf.minimum(decay, (1 + since) / tf.maximum(10 + since, 1))
        # With a weight of 1, the averages are copies of the weights until `start_step`.
        self.take_in(variables, tf.where(since < 0, 1.0, 1 - decay))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        own = {
            "average_decay": self.average_decay,
            "num_updates": self.num_updates,
            "start_step": self.start_step,
            "dynamic_decay": self.dynamic_decay,
        }
        return {**super().get_config(), **own}
