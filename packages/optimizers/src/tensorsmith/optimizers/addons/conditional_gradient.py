"""Conditional gradient optimizer."""

from collections.abc import Mapping
from typing import Any, Self

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.keras_internals import iterations_variable
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support import settings
from tensorsmith.optimizers._support.arguments import check_amounts
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step

NORMS = ("fro", "nuclear")


@export
class ConditionalGradient(RowOptimizer):
    """Conditional gradient (Frank-Wolfe) optimizer, which constrains each variable to a norm ball.

    Each step moves the variable towards the point of the ball that minimizes the linearized loss. A projection is not
    necessary, because convex combinations of points of the ball remain in it. The learning rate is the fraction of the
    weights that is retained, so it should increase towards 1 during training.

    Formula, with the clipped gradient g and the direction s of steepest ascent in the norm:

        w = rate w - (1 - rate) lambda_ s
        s = g / (|g| + epsilon)            ord="fro", the square root of the sum of squares
        s = u v^T                          ord="nuclear", the sum of singular values; u, v of the largest one of g

    For a sparse gradient, its rows are treated as the variable.

    Source: Ravi et al., "Constrained Deep Learning using Conditional Gradient and Applications in Computer Vision",
    2018.

    Args:
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        lambda_: Radius of the norm ball: a float, a schedule, or a callable without arguments.
        epsilon: Small float added to the denominator for numerical stability.
        ord: Norm that defines the ball, `"fro"` or `"nuclear"`. For the nuclear norm, a variable with fewer than two
            axes is treated as a matrix with a single row. Otherwise, all axes except the last one are flattened.
        name: Name of the optimizer.
        **kwargs: Base optimizer keyword arguments, such as `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`,
            `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If a number is out of range, `ord` is unknown, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = ConditionalGradient(0.9, lambda_=5.0)
        >>> optimizer.apply([keras.ops.array([3.0, -4.0])], [variable])
        >>> print(variable.numpy().round(4))
        [0.6 2.2]
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        lambda_: Hyperparameter = 0.01,
        epsilon: float = 1e-7,
        ord: str = "fro",
        name: str = "ConditionalGradient",
        **kwargs: Any,
    ):
        if not (callable(lambda_) or tf.is_tensor(lambda_)):
            check_amounts(lambda_=lambda_)
        check_amounts(epsilon=epsilon)
        check(ord in NORMS, "ord", ord, f"one of {list(NORMS)}")
        super().__init__(learning_rate, name=name, **kwargs)
        self.lambda_ = lambda_
        self.epsilon = epsilon
        self.ord = ord

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights moved toward the boundary of the norm ball."""
        g = step.gradient
        if self.ord == "fro":
            direction = g / (tf.norm(g) + self.epsilon)
        else:
            # The leading axes are merged into rows. A vector is a single row.
            matrix = tf.reshape(g, (-1, g.shape[-1]) if g.shape.rank > 1 else (1, -1))
            # The steepest ascent direction in the nuclear norm is the leading pair of singular vectors.
            _, u, v = tf.linalg.svd(matrix)
            direction = tf.reshape(u[:, :1] * v[:, 0], tf.shape(g))
        radius = tf.cast(settings.current(self.lambda_, iterations_variable(self)), g.dtype)
        return step.rate * step.weights - (1 - step.rate) * radius * direction

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        own = {"lambda_": settings.to_config(self.lambda_), "epsilon": self.epsilon, "ord": self.ord}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        radius = settings.from_config(config["lambda_"], custom_objects)
        return super().from_config({**config, "lambda_": radius}, custom_objects)
