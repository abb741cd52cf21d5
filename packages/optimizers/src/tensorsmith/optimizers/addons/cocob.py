"""COCOB optimizer."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step


@export
class COCOB(RowOptimizer):
    """COCOB optimizer, a coin betting method without a learning rate.

    Each weight bets a fraction of its accumulated reward on the sign of the gradient. The fraction is determined by the
    previous gradients. The `learning_rate` that each Keras optimizer has is 1 and has no effect on the bets.

    Formula, with the clipped gradient g:

        L = max(L, |g|)                                  largest gradient, initially 1e-8
        S = S + g,  A = A + |g|
        R = max(R - g b, 0)                              reward
        b = - S / (L max(A + L, alpha L)) (R + L)        next bet
        w = w_1 + b                                      w_1 are the initial weights

    A sparse gradient updates only its rows, which is equivalent to a dense gradient with zeros. TensorFlow Addons does
    not support sparse gradients, and has an argument `use_locking` without effect.

    Source: Orabona and Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting", 2017.

    Args:
        alpha: Float of at least 1 that limits the size of the first updates. Larger values result in smaller updates.
        name: Name of the optimizer.
        **kwargs: Base optimizer keyword arguments, such as `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`,
            `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If `alpha` is less than 1, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = COCOB()
        >>> optimizer.apply([keras.ops.array([0.5, -5.0])], [variable])  # a bet of 1 / alpha for any gradient
        >>> print(variable.numpy().round(4))
        [0.99 2.01]
    """

    def __init__(self, alpha: float = 100, name: str = "COCOB", **kwargs: Any):
        check(isinstance(alpha, Real) and alpha >= 1, "alpha", alpha, "a number >= 1")
        super().__init__(1.0, name=name, **kwargs)
        self.alpha = alpha

    def build(self, variables: Sequence[Any]) -> None:
        """Create the state variables."""
        if self.built:
            return
        super().build(variables)
        (self._largest,) = self.add_slots(variables, "largest", initial=1e-8)
        self._sums, self._sizes, self._bets, self._rewards = self.add_slots(variables, "sum", "size", "bet", "reward")

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after evaluating the previous bet and placing the next bet."""
        g, bet = step.gradient, step.kept(self._bets)
        # L, S, A and R of the formula. The reward settles the previous bet.
        largest = step.keep(self._largest, tf.maximum(step.kept(self._largest), tf.abs(g)))
        total = step.keep(self._sums, step.kept(self._sums) + g)
        size = step.keep(self._sizes, step.kept(self._sizes) + tf.abs(g))
        reward = step.keep(self._rewards, tf.nn.relu(step.kept(self._rewards) - g * bet))
        # The betting fraction; the weights are the initial ones plus the current bet.
        share = -total / (largest * tf.maximum(size + largest, self.alpha * largest))
        return step.weights - bet + step.keep(self._bets, share * (reward + largest))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        config = {**super().get_config(), "alpha": self.alpha}
        del config["learning_rate"]
        return config
