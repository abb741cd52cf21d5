"""NovoGrad optimizer."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Hyperparameter, LearningRate, Scalar
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.row_optimizer import Step


@export
class NovoGrad(MomentsOptimizer):
    """NovoGrad optimizer: momentum SGD with gradients normalized by one second moment per variable.

    It uses half the state of Adam, and is robust to gradients of very different scales in different layers.

    Formula, with the clipped gradient g, where v = |g|² in the first step. With `grad_averaging`, u is multiplied by
    1 - beta_1 in all steps except the first:

        v = beta_2 v + (1 - beta_2) |g|²
        u = g / (sqrt(v) + epsilon) + weight_decay w
        m = beta_1 m - rate u
        w = w + m

    A sparse gradient updates m and w only in its rows.

    Source: Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep
    Networks", 2019.

    Args:
        {{moments}}
        weight_decay: Weight decay coefficient: a float, a schedule, or a callable without arguments. In each step, the
            product of the coefficient and the weights is added to the normalized gradient.
        grad_averaging: If `True`, the momentum is a weighted average of gradients instead of a sum.
        amsgrad: If `True`, use the AMSGrad variant, which uses the running maximum of the second moments in the
            denominator.
        {{keras}}

    Raises:
        ValueError: If a number is out of range, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = NovoGrad(0.1)
        >>> optimizer.apply([keras.ops.array([3.0, -4.0])], [variable])
        >>> print(variable.numpy().round(4))
        [0.94 2.08]
    """

    kept_arguments = (*MomentsOptimizer.kept_arguments, "grad_averaging")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: Scalar = 0.9,
        beta_2: Scalar = 0.999,
        epsilon: float = 1e-7,
        weight_decay: Hyperparameter = 0.0,
        grad_averaging: bool = False,
        amsgrad: bool = False,
        name: str = "NovoGrad",
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, name=name, **kwargs
        )
        self.grad_averaging = grad_averaging

    def add_moments(self, variables: Sequence[Any]) -> None:
        """Create the momentum variables, and one second moment per variable."""
        (self._momentums,) = self.add_slots(variables, "momentum")
        (self._velocities,) = self.add_slots(variables, "velocity", scalar=True)
        if self.amsgrad:
            (self._velocity_hats,) = self.add_slots(variables, "velocity_hat", scalar=True)

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after a momentum update with the normalized gradient."""
        # The second moment is a scalar per variable, initialized with the first squared norm.
        first = step.number == 1
        square = tf.reduce_sum(tf.square(step.gradient))
        v = step.kept_whole(self._velocities)
        v = tf.where(first, square, self.beta_2 * v + (1 - self.beta_2) * square)
        step.keep_whole(self._velocities, v)
        if self.amsgrad:
            v = tf.maximum(step.kept_whole(self._velocity_hats), v)
            step.keep_whole(self._velocity_hats, v)
        weights = step.weights
        update = step.gradient / (tf.sqrt(v) + self.epsilon)
        if step.decay is not None:
            update += step.decay * weights
        if self.grad_averaging:
            update *= 1 - self.beta_1 * tf.cast(~first, update.dtype)
        # The learning rate is part of the momentum: changing it only affects later gradients.
        m = step.keep(self._momentums, self.beta_1 * step.kept(self._momentums) - step.rate * update)
        return weights + m
