"""Proximal Adagrad optimizer."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import LearningRate
from tensorsmith.optimizers._support.arguments import check_amounts
from tensorsmith.optimizers._support.proximal import shrunk
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step


@export
class ProximalAdagrad(RowOptimizer):
    """Adagrad optimizer with proximal L1 and L2 regularization, which produces sparse weights.

    A penalty in the loss only moves weights towards 0. The proximal step applies the penalty after the gradient step,
    and sets small weights to 0.

    Formula, with the clipped gradient g:

        a = a + g²
        r = rate / sqrt(a)
        w = w - r g
        w = sign(w) max(|w| - r l1, 0) / (1 + r l2)

    A sparse gradient updates only its rows.

    Source: Duchi and Singer, "Efficient Learning using Forward-Backward Splitting", 2009.

    Args:
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        initial_accumulator_value: Initial value of the accumulator a, `> 0`. TensorFlow Addons also accepts 0, which
            results in NaN weights if a gradient is 0.
        l1_regularization_strength: Strength l1 of the L1 regularization penalty.
        l2_regularization_strength: Strength l2 of the L2 regularization penalty.
        name: Name of the optimizer.
        **kwargs: Base optimizer keyword arguments, such as `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`,
            `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If a number is out of range, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 0.05])
        >>> optimizer = ProximalAdagrad(0.1, l1_regularization_strength=2.0)
        >>> optimizer.apply([keras.ops.array([1.0, 0.0])], [variable])
        >>> print(variable.numpy().round(4))
        [0.714 0.   ]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        name: str = "ProximalAdagrad",
        **kwargs: Any,
    ):
        check_amounts(
            initial_accumulator_value=initial_accumulator_value,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
        )
        fits = initial_accumulator_value > 0
        check(fits, "initial_accumulator_value", initial_accumulator_value, "a positive number")
        super().__init__(learning_rate, name=name, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength

    def build(self, variables: Sequence[Any]) -> None:
        """Create the accumulators of the squared gradients."""
        if self.built:
            return
        super().build(variables)
        (self._accumulators,) = self.add_slots(variables, "accumulator", initial=self.initial_accumulator_value)

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after the gradient step and the proximal step."""
        g = step.gradient
        total = step.keep(self._accumulators, step.kept(self._accumulators) + g * g)
        rate = step.rate / tf.sqrt(total)
        # Gradient step, followed by the proximal step with the same adaptive rate.
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        return shrunk(step.weights - rate * g, rate, l1, l2)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        own = {
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
        }
        return {**super().get_config(), **own}
