"""LazyAdam optimizer."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import LearningRate, Scalar
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.row_optimizer import Step


@export
class LazyAdam(MomentsOptimizer):
    """Adam optimizer for embeddings, in which a sparse gradient updates only the rows that it contains.

    The Adam of Keras updates all rows of an embedding table in each step, because rows without a gradient have nonzero
    moments, and reads and writes the entire table for this. LazyAdam leaves the weights and moments of these rows
    unchanged, so the cost of a step depends on the batch only. Dense gradients are treated as in Adam. The variables
    are those of `keras.optimizers.Adam`, and saved weights are interchangeable.

    Formula, for each row with a clipped gradient g, and the step t:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; lazy in TensorFlow since 2016.

    Args:
        {{moments}}
        amsgrad: If `True`, use the AMSGrad variant, which uses the running maximum of the second moments in the
            denominator. TensorFlow Addons supports this variant only for dense gradients.
        name: Name of the optimizer.
        **kwargs: Base optimizer keyword arguments, such as `weight_decay` (not applied to rows without a gradient),
            `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`, `ema_overwrite_frequency`,
            `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If a number is out of range, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> import tensorflow as tf
        >>> table = keras.Variable([[1.0], [2.0], [3.0]])
        >>> optimizer = LazyAdam(0.1)
        >>> optimizer.apply([tf.IndexedSlices(tf.constant([[0.5]]), tf.constant([2]))], [table])
        >>> print(table.numpy().round(4).ravel())
        [1.  2.  2.9]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: Scalar = 0.9,
        beta_2: Scalar = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str = "LazyAdam",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, name=name, **kwargs)

    def updated(self, step: Step) -> tf.Tensor:
        """Return the new values of the updated rows after an Adam step."""
        g, t = step.gradient, step.number
        m = step.keep(self._momentums, self.beta_1 * step.kept(self._momentums) + (1 - self.beta_1) * g)
        v = step.keep(self._velocities, self.beta_2 * step.kept(self._velocities) + (1 - self.beta_2) * g * g)
        if self.amsgrad:
            v = step.keep(self._velocity_hats, tf.maximum(step.kept(self._velocity_hats), v))
        weights = step.weights
        if step.decay is not None:
            # Decoupled decay before the Adam step, as in Keras.
            weights -= step.rate * step.decay * weights
        # The bias corrections of both moments are combined into the learning rate.
        rate = step.rate * tf.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return weights - rate * m / (tf.sqrt(v) + self.epsilon)
