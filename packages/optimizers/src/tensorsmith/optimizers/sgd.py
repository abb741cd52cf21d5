"""Gradient descent with momentum."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export
from tensorsmith.optimizers.arguments import check_constant_decay
from tensorsmith.optimizers.fused import FusedUpdate, assign


@export
class SGD(FusedUpdate, keras.optimizers.SGD):
    """Keras' SGD, with all variables updated in one compiled op.

    It has the arguments, the variables and the results of `keras.optimizers.SGD`: weights of one load into the other.

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
        momentum: How much of the momentums stays; with 0, there are none.
        nesterov: Looks ahead by a further step of the momentum.
        weight_decay: Share of the weights, times the learning rate, that is taken off them in every step, or None.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`, `ema_overwrite_frequency`,
            `loss_scale_factor`, `gradient_accumulation_steps`, `name`, as for every Keras optimizer; clipping by
            `global_clipnorm` is part of the op.

    Raises:
        ValueError: A number is out of its range, or Keras' own refuses an argument.

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
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: Any = None,
        **kwargs: Any,
    ):
        check(isinstance(momentum, float) and 0 <= momentum <= 1, "momentum", momentum, "a float in [0, 1]")
        check_constant_decay(weight_decay)
        super().__init__(learning_rate, momentum, nesterov, weight_decay, **kwargs)

    def fused_update(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], **settings: Any) -> None:
        """All variables in one op."""
        momentums = self.slots(self.momentums, variables) if self.momentum else []
        update = ops.sgd_update(
            variables, gradients, momentums, momentum=self.momentum, nesterov=self.nesterov, **settings
        )
        assign(variables, update.parameters)
        assign(momentums, update.momentums)
