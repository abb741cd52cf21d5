"""AdaBelief optimizer."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import export, init_arguments
from tensorsmith.core.types import Hyperparameter, LearningRate, Scalar
from tensorsmith.optimizers._support.rectified import RectifiedMoments


@export
class AdaBelief(RectifiedMoments):
    """AdaBelief optimizer, an Adam variant that adapts the step size to the deviation of gradients from their mean.

    The second moments are those of the deviation of the gradients from their moving average: steps are large where
    gradients are as expected, and small where they are not.

    Formula, with the clipped gradient g and the step t; n and r as in `RectifiedAdam`, and r = 1 without `rectify`:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) (g - m)² + epsilon
        u = r m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)     if n >= sma_threshold
            m / (1 - beta_1^t)                                              otherwise
        w = w - rate (u + weight_decay w)

    Epsilon accumulates in the second moments, hence its small default.

    For a sparse gradient, the moments of all rows decay; the rest of the update is limited to its rows.

    Source: Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients", 2020.

    Args:
        {{moments}}
        {{decay}}
        rectify: If `True`, rectify the step size as in `RectifiedAdam`.
        {{warmup}}
        {{keras}}

    Raises:
        ValueError: If a number is out of range, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = AdaBelief(0.1, beta_1=0.5, rectify=False)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])  # m is half the gradient, and so is g - m
        >>> print(variable.numpy().round(4))
        [0.8 2.2]
    """

    kept_arguments = (*RectifiedMoments.kept_arguments, "rectify")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: Scalar = 0.9,
        beta_2: Scalar = 0.999,
        epsilon: float = 1e-14,
        weight_decay: Hyperparameter = 0.0,
        amsgrad: bool = False,
        rectify: bool = True,
        sma_threshold: float = 5.0,
        total_steps: int = 0,
        warmup_proportion: float = 0.1,
        min_lr: float = 0.0,
        name: str = "AdaBelief",
        **kwargs: Any,
    ):
        arguments = init_arguments(locals())
        del arguments["rectify"]
        super().__init__(**arguments)
        self.rectify = rectify

    def gain(self, gradient: tf.Tensor, momentum: tf.Tensor) -> tf.Tensor:
        """Return the scaled squared deviation of the gradient from the first moment, plus epsilon."""
        # The momentum already includes this gradient, as m in the formula.
        return (1 - self.beta_2) * tf.square(gradient - momentum) + self.epsilon
