"""Lamb optimizer with a compiled update."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support.arguments import check_constant_decay, check_rates
from tensorsmith.optimizers._support.fused_moments import FusedMoments


@export
class Lamb(FusedMoments, keras.optimizers.Lamb):
    """Lamb optimizer that updates all variables in one compiled op.

    Arguments, variables and results are those of `keras.optimizers.Lamb`, and saved weights are interchangeable.
    Duplicate indices in a sparse gradient are summed before the update; Keras squares each slice. In `AddonsLAMB`,
    the weight decay is part of the update that the trust ratio scales, as in TensorFlow Addons and the paper.

    Formula, with the clipped gradient g and the step t, where the ratio of norms is 1 if one of the norms is 0:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        w = w - rate |w| / |u| u

    Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes", 2020.

    Args:
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        beta_1: Float or `keras.Variable`, the exponential decay rate of the first moments.
        beta_2: Float or `keras.Variable`, the exponential decay rate of the second moments.
        epsilon: Small float added to the denominator for numerical stability.
        weight_decay: Float or `None`, the weight decay coefficient. In each step,
            `learning_rate * weight_decay * weight` is subtracted from each weight.
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
