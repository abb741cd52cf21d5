"""Lamb."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support.arguments import check_constant_decay, check_rates
from tensorsmith.optimizers._support.fused_moments import FusedMoments


@export
class Lamb(FusedMoments, keras.optimizers.Lamb):
    """Keras' Lamb, with all variables updated in one compiled op.

    It has the arguments, the variables and the results of `keras.optimizers.Lamb`: weights of one load into the other.
    A row that comes twice in a sparse gradient gets what the sum of its slices is worth; Keras squares each slice.
    `LAMB` has the decay as part of what the ratio of norms scales, as TensorFlow Addons and the paper have it.

    Formula, with g the gradient, clipped, and t the step; the ratio of norms is 1 where one is 0:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        w = w - rate |w| / |u| u

    Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes", 2020.

    Args:
        learning_rate: Float, schedule, or function without arguments.
        beta_1: How much of the first moments stays.
        beta_2: How much of the second moments stays.
        epsilon: What keeps the quotient from zero.
        weight_decay: Share of the weights, times the learning rate, that is taken off them in every step, or None.
        {{keras}}

    {{raises}}

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = Lamb(0.1)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.8419 2.1581]
    """

    op = staticmethod(ops.lamb_update)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: Hyperparameter = 0.9,
        beta_2: Hyperparameter = 0.999,
        epsilon: float = 1e-7,
        weight_decay: Hyperparameter | None = None,
        **kwargs: Any,
    ):
        check_rates(beta_1=beta_1, beta_2=beta_2)
        check_constant_decay(weight_decay)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **kwargs)
