"""SGD optimizer with weight decay that is independent of the learning rate."""

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
    """Gradient descent optimizer with weight decay that is independent of the learning rate.

    Formula, with the clipped gradient g:

        w = w - weight_decay w
        m = momentum m - rate g
        w = w + m
        w = w + momentum m - rate g             instead, with `nesterov`

    A sparse gradient updates only its rows, and only their momentum decays.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Args:
        weight_decay: Fraction of the weights that is subtracted in each step: a float, a schedule, or a callable
            without arguments.
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        momentum: Float, `keras.Variable` or schedule, the momentum coefficient. If it is 0.0, no momentum variables are
            created.
        nesterov: If `True`, use Nesterov momentum.
        name: Name of the optimizer.
        **kwargs: `exclude_from_weight_decay`, a list of regular expressions for the paths of variables without weight
            decay, and base optimizer keyword arguments, such as `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`,
            `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If a number is out of range, or Keras rejects an argument.

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
        if not is_live(momentum):
            check_rates(momentum=momentum)
        super().__init__(weight_decay, learning_rate=learning_rate, name=name, **kwargs)
        self.adopt(momentum)
        self.nesterov = nesterov

    def build(self, variables: Sequence[Any]) -> None:
        """Create the momentum variables."""
        if self.built:
            return
        super().build(variables)
        if self._has_momentums():
            (self._momentums,) = self.add_slots(variables, "momentum")

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after a momentum update. Weight decay has already been applied."""
        move = -step.rate * step.gradient
        if not self._has_momentums():
            return step.weights + move
        m = step.keep(self._momentums, self.momentum * step.kept(self._momentums) + move)
        return step.weights + (self.momentum * m + move if self.nesterov else m)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        return {**super().get_config(), "nesterov": self.nesterov}

    def _has_momentums(self) -> bool:
        return is_live(self.momentum) or self.momentum != 0
