"""SGD with decay of weights that does not depend on the learning rate."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support.arguments import check_rates
from tensorsmith.optimizers._support.live import LiveMomentum, is_live
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step
from tensorsmith.optimizers.addons.decoupled_weight_decay import DecoupledWeightDecayExtension


@export
class SGDW(DecoupledWeightDecayExtension, LiveMomentum, RowOptimizer):
    """Gradient descent with decay of weights that does not depend on the learning rate.

    Formula, with g the gradient, clipped:

        w = w - weight_decay w
        m = momentum m - rate g
        w = w + m
        w = w + momentum m - rate g             with `nesterov`, instead

    A sparse gradient concerns the rows that it names; of these alone the momentums fade.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Args:
        weight_decay: Share of the weights that is taken off them in every step: a number, a schedule, or a function
            without arguments.
        learning_rate: Float, schedule, or function without arguments.
        momentum: How much of the momentums stays: a number, a `keras.Variable` or a schedule; with the number 0, there
            are no momentums.
        nesterov: Looks ahead by a further step of the momentum.
        name: Name of the optimizer.
        **kwargs: `exclude_from_weight_decay`, regular expressions for paths of variables that do not decay; and
            `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`, `ema_overwrite_frequency`,
            `loss_scale_factor`, `gradient_accumulation_steps`, as for every Keras optimizer.

    Raises:
        ValueError: A number is out of its range, or Keras refuses an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = SGDW(weight_decay=0.1, learning_rate=0.01)
        >>> optimizer.apply([keras.ops.array([5.0, -5.0])], [variable])
        >>> print(variable.numpy().round(4))
        [0.85 1.85]
    """

    def __init__(
        self,
        weight_decay: Hyperparameter,
        learning_rate: LearningRate = 0.001,
        momentum: Hyperparameter = 0.0,
        nesterov: bool = False,
        name: str = "SGDW",
        **kwargs: Any,
    ):
        check_rates(momentum=momentum)
        super().__init__(weight_decay, learning_rate=learning_rate, name=name, **kwargs)
        self.adopt(momentum)
        self.nesterov = nesterov

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the momentums."""
        if self.built:
            return
        super().build(variables)
        if self._has_momentums():
            (self._momentums,) = self.add_slots(variables, "momentum")

    def updated(self, step: Step) -> tf.Tensor:
        """A step of momentum, of weights that have decayed."""
        move = -step.rate * step.gradient
        if not self._has_momentums():
            return step.weights + move
        m = step.keep(self._momentums, self.momentum * step.kept(self._momentums) + move)
        return step.weights + (self.momentum * m + move if self.nesterov else m)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "nesterov": self.nesterov}

    def _has_momentums(self) -> bool:
        return is_live(self.momentum) or self.momentum != 0
