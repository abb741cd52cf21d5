"""The conditional gradient method."""

from collections.abc import Mapping
from typing import Any, Self

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support import settings
from tensorsmith.optimizers._support.arguments import check_amounts
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step

NORMS = ("fro", "nuclear")


@export
class ConditionalGradient(RowOptimizer):
    """Keeps each variable within a ball: every step goes some way to the point of the ball that the gradient names.

    Also known as the Frank-Wolfe method. Nothing has to be projected back, since mixtures of points of the ball are in
    it. The learning rate is the share of the weights that stays, so it grows towards 1 in training.

    Formula, with g the gradient, clipped, and s the direction of steepest ascent in the norm:

        w = rate w - (1 - rate) lambda_ s
        s = g / (|g| + epsilon)            ord="fro", the square root of the sum of squares
        s = u v^T                          ord="nuclear", the sum of singular values; u, v belong to g's largest

    Of a sparse gradient, the rows that it names are taken for the variable.

    Source: Ravi et al., "Constrained Deep Learning using Conditional Gradient and Applications in Computer Vision",
    2018.

    Args:
        learning_rate: Float, schedule, or function without arguments.
        lambda_: Radius of the ball: a number, a schedule, or a function without arguments.
        epsilon: What keeps the quotient from zero.
        ord: The norm, "fro" or "nuclear". For the latter, a variable with less than two axes counts as one row, and of
            one with more the axes before the last are taken together.
        name: Name of the optimizer.
        **kwargs: `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`,
            `ema_overwrite_frequency`, `loss_scale_factor`, `gradient_accumulation_steps`, as for every Keras optimizer.

    Raises:
        ValueError: A number is out of its range, `ord` is unknown, or Keras refuses an argument.

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
        if not callable(lambda_):
            check_amounts(lambda_=lambda_)
        check_amounts(epsilon=epsilon)
        check(ord in NORMS, "ord", ord, f"one of {list(NORMS)}")
        super().__init__(learning_rate, name=name, **kwargs)
        self.lambda_ = lambda_
        self.epsilon = epsilon
        self.ord = ord

    def updated(self, step: Step) -> tf.Tensor:
        """Part of the way to the ball's edge."""
        g = step.gradient
        if self.ord == "fro":
            direction = g / (tf.norm(g) + self.epsilon)
        else:
            matrix = tf.reshape(g, (-1, g.shape[-1]) if g.shape.rank > 1 else (1, -1))
            _, u, v = tf.linalg.svd(matrix)
            direction = tf.reshape(u[:, :1] * v[:, 0], tf.shape(g))
        radius = tf.cast(settings.current(self.lambda_, self._iterations), g.dtype)
        return step.rate * step.weights - (1 - step.rate) * radius * direction

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"lambda_": settings.to_config(self.lambda_), "epsilon": self.epsilon, "ord": self.ord}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer with the arguments of `get_config`."""
        radius = settings.from_config(config["lambda_"], custom_objects)
        return super().from_config({**config, "lambda_": radius}, custom_objects)
