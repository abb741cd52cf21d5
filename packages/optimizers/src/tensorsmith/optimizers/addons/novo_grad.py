"""NovoGrad."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.row_optimizer import Step


@export
class NovoGrad(MomentsOptimizer):
    """Momentum with gradients that are normalised layer by layer: one second moment for each variable.

    It keeps half of what Adam keeps, and is hardly troubled by gradients of very different size between layers.

    Formula, with g the gradient, clipped; in the first step v = |g|²; with `grad_averaging`, u is multiplied by
    1 - beta_1 in all steps but the first:

        v = beta_2 v + (1 - beta_2) |g|²
        u = g / (sqrt(v) + epsilon) + weight_decay w
        m = beta_1 m - rate u
        w = w + m

    Of a sparse gradient, m and w change in the rows that it names.

    Source: Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep
    Networks", 2019.

    Args:
        {{moments}}
        weight_decay: Share of the weights, times the learning rate, that joins the momentums in every step: a number, a
            schedule, or a function without arguments.
        grad_averaging: Makes the momentums an average of gradients.
        amsgrad: If `True`, the update divides by the largest second moments so far.
        {{keras}}

    Raises:
        ValueError: A number is out of its range, or Keras refuses an argument.

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
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        """Create the momentums, and one second moment for each variable."""
        (self._momentums,) = self.add_slots(variables, "momentum")
        (self._velocities,) = self.add_slots(variables, "velocity", scalar=True)
        if self.amsgrad:
            (self._velocity_hats,) = self.add_slots(variables, "velocity_hat", scalar=True)

    def updated(self, step: Step) -> tf.Tensor:
        """Normalises the gradient, and steps by momentum."""
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
        m = step.keep(self._momentums, self.beta_1 * step.kept(self._momentums) - step.rate * update)
        return weights + m
