"""COCOB."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step


@export
class COCOB(RowOptimizer):
    """Bets on the sign of each gradient, and needs no learning rate.

    Each weight is a gambler, who bets a share of what was won so far; the share follows from the gradients seen. The
    `learning_rate` that every Keras optimizer has is 1 here, and has no effect on the bets.

    Formula, with g the gradient, clipped:

        L = max(L, |g|)                                  the largest gradient, at first 1e-8
        S = S + g,  A = A + |g|
        R = max(R - g b, 0)                              what was won
        b = - S / (L max(A + L, alpha L)) (R + L)        the next bet
        w = w_1 + b                                      w_1 being the first weights

    A sparse gradient concerns the rows that it names, which is what a dense one with zeros does. TensorFlow Addons
    knows no sparse ones, and has an argument `use_locking` without effect.

    Source: Orabona and Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting", 2017.

    Args:
        alpha: Keeps the first bets small, 1 or more.
        name: Name of the optimizer.
        **kwargs: `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`,
            `ema_overwrite_frequency`, `loss_scale_factor`, `gradient_accumulation_steps`, as for every Keras optimizer.

    Raises:
        ValueError: `alpha` is below 1, or Keras refuses an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = COCOB()
        >>> optimizer.apply([keras.ops.array([0.5, -5.0])], [variable])  # a bet of 1 / alpha, whatever the size
        >>> print(variable.numpy().round(4))
        [0.99 2.01]
    """

    def __init__(self, alpha: float = 100, name: str = "COCOB", **kwargs: Any):
        check(isinstance(alpha, Real) and alpha >= 1, "alpha", alpha, "a number of 1 or more")
        super().__init__(1.0, name=name, **kwargs)
        self.alpha = alpha

    def build(self, variables: Sequence[Any]) -> None:
        """Makes what each weight remembers."""
        if self.built:
            return
        super().build(variables)
        (self._largest,) = self.add_slots(variables, "largest", initial=1e-8)
        self._sums, self._sizes, self._bets, self._rewards = self.add_slots(variables, "sum", "size", "bet", "reward")

    def updated(self, step: Step) -> tf.Tensor:
        """Settles the last bet and makes the next."""
        g, bet = step.gradient, step.kept(self._bets)
        largest = step.keep(self._largest, tf.maximum(step.kept(self._largest), tf.abs(g)))
        total = step.keep(self._sums, step.kept(self._sums) + g)
        size = step.keep(self._sizes, step.kept(self._sizes) + tf.abs(g))
        reward = step.keep(self._rewards, tf.nn.relu(step.kept(self._rewards) - g * bet))
        share = -total / (largest * tf.maximum(size + largest, self.alpha * largest))
        return step.weights - bet + step.keep(self._bets, share * (reward + largest))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        config = {**super().get_config(), "alpha": self.alpha}
        del config["learning_rate"]
        return config
