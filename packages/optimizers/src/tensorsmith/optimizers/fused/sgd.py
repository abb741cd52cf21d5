"""Gradient descent optimizer with a compiled update."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export
from tensorsmith.core.keras_internals import variable_index
from tensorsmith.core.types import Gradient, Hyperparameter, LearningRate, Scalar, Variable
from tensorsmith.optimizers._support.arguments import check_constant_decay
from tensorsmith.optimizers._support.fused import FusedUpdate, assign
from tensorsmith.optimizers._support.live import LiveMomentum, is_live


@export
class SGD(LiveMomentum, FusedUpdate, keras.optimizers.SGD):
    """Gradient descent optimizer with momentum that updates all variables in one compiled op.

    Arguments, variables and results are those of `keras.optimizers.SGD`, and saved weights are interchangeable.
    Duplicate indices in a sparse gradient are summed before clipping; Keras clips each slice.

    Formula, with the clipped gradient g:

        w = w - rate weight_decay w
        w = w - rate g                          without momentum
        m = momentum m - rate g
        w = w + m                               with momentum
        w = w + momentum m - rate g             with `nesterov`

    Source: Polyak, "Some Methods of Speeding up the Convergence of Iteration Methods", 1964, and Nesterov, "A Method of
    Solving a Convex Programming Problem with Convergence Rate O(1/k²)", 1983.

    Args:
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        momentum: Float in [0, 1], `keras.Variable` or schedule, the momentum coefficient. If it is 0.0, no momentum
            variables are created. A variable or a schedule is evaluated in each step, also by the compiled op, and is
            tracked as a variable of the optimizer. The optimizers of Keras accept only numbers, which remain constant
            after a step is traced.
        nesterov: If `True`, use Nesterov momentum.
        weight_decay: Float or `None`, the weight decay coefficient. In each step,
            `learning_rate * weight_decay * weight` is subtracted from each weight.
        {{keras}}

    {{raises}}

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = SGD(0.1)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.95 2.05]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: Hyperparameter = 0.0,
        nesterov: bool = False,
        weight_decay: Hyperparameter | None = None,
        **kwargs: Any,
    ):
        fits = is_live(momentum) or (isinstance(momentum, float) and 0 <= momentum <= 1)
        check(fits, "momentum", momentum, "a float in [0, 1], a keras.Variable or a schedule")
        check_constant_decay(weight_decay)
        super().__init__(learning_rate, 0.0, nesterov, weight_decay, **kwargs)
        self.adopt(momentum)

    def build(self, variables: Sequence[Any]) -> None:
        """Create the momentum variables, unless `momentum` is the constant 0."""
        if self.built or not is_live(self.momentum):
            super().build(variables)
            return
        keras.optimizers.Optimizer.build(self, variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Update one variable without the compiled op. Momentum is applied even while its current value is 0."""
        if not is_live(self.momentum):
            super().update_step(gradient, variable, learning_rate)
            return
        m = self.momentums[variable_index(self, variable)]
        stays, rate = (keras.ops.cast(each, variable.dtype) for each in (self.momentum, learning_rate))
        move = keras.ops.multiply(keras.ops.cast(gradient, variable.dtype), -rate)
        self.assign(m, keras.ops.add(stays * m, move))
        # The variable m already contains the new momentum here, as in the formula.
        self.assign_add(variable, keras.ops.add(stays * m, move) if self.nesterov else m)

    def changes_all_rows(self) -> bool:
        """Return `True` if an update also changes the rows without a gradient, by momentum or weight decay."""
        return bool(self.momentums or self.weight_decay)

    def fused_update(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], **settings: Any) -> None:
        """Update all variables in one compiled op."""
        # There are no momentum variables for a constant momentum of 0.
        momentums = self.slots(self.momentums, variables) if self.momentums else []
        update = ops.sgd_update(
            variables, gradients, momentums, momentum=self.momentum, nesterov=self.nesterov, **settings
        )
        assign(variables, update.parameters)
        assign(momentums, update.momentums)
