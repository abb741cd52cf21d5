"""Gradient descent with momentum."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export
from tensorsmith.core.types import Gradient, Hyperparameter, LearningRate, Scalar, Variable
from tensorsmith.optimizers._support.arguments import check_constant_decay
from tensorsmith.optimizers._support.fused import FusedUpdate, assign
from tensorsmith.optimizers._support.live import LiveMomentum, is_live


@export
class SGD(LiveMomentum, FusedUpdate, keras.optimizers.SGD):
    """Keras' SGD, with all variables updated in one compiled op.

    It has the arguments, the variables and the results of `keras.optimizers.SGD`: weights of one load into the other.
    A row that comes twice in a sparse gradient is clipped as the sum of its slices, where Keras clips each slice.

    Formula, with g the gradient, clipped:

        w = w - rate weight_decay w
        w = w - rate g                          without momentum
        m = momentum m - rate g
        w = w + m                               with it
        w = w + momentum m - rate g             with `nesterov`

    Source: Polyak, "Some Methods of Speeding up the Convergence of Iteration Methods", 1964, and Nesterov, "A Method of
    Solving a Convex Programming Problem with Convergence Rate O(1/k²)", 1983.

    Args:
        learning_rate: Float, schedule, or function without arguments.
        momentum: How much of the momentums stays; with the number 0, there are none. A `keras.Variable` is read in
            every step, so that whatever changes it changes the training, and a schedule of steps is followed; the op
            takes both, and the variable is one more of the optimizer's. Keras' own has numbers only, which stay as they
            were when a step was traced.
        nesterov: Looks ahead by a further step of the momentum.
        weight_decay: Share of the weights, times the learning rate, that is taken off them in every step, or None.
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
        """Makes the momentums, for a variable whatever its value is now."""
        if self.built or not is_live(self.momentum):
            super().build(variables)
            return
        keras.optimizers.Optimizer.build(self, variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Updates one variable in Keras' way, which asks momentums for being 0 and cannot ask a variable."""
        if not is_live(self.momentum):
            super().update_step(gradient, variable, learning_rate)
            return
        m = self.momentums[self._get_variable_index(variable)]
        stays, rate = (keras.ops.cast(each, variable.dtype) for each in (self.momentum, learning_rate))
        move = keras.ops.multiply(keras.ops.cast(gradient, variable.dtype), -rate)
        self.assign(m, keras.ops.add(stays * m, move))
        self.assign_add(variable, keras.ops.add(stays * m, move) if self.nesterov else m)

    def fused_update(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], **settings: Any) -> None:
        """All variables in one op."""
        momentums = self.slots(self.momentums, variables) if self.momentums else []
        update = ops.sgd_update(
            variables, gradients, momentums, momentum=self.momentum, nesterov=self.nesterov, **settings
        )
        assign(variables, update.parameters)
        assign(momentums, update.momentums)
