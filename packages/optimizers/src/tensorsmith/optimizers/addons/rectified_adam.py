"""Rectified Adam optimizer."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import export, init_arguments
from tensorsmith.core.types import Hyperparameter, LearningRate, Scalar
from tensorsmith.optimizers._support.rectified import RectifiedMoments


@export
class RectifiedAdam(RectifiedMoments):
    """Rectified Adam optimizer, which rectifies the variance of the adaptive learning rate instead of using warm-up.

    In the first steps, in which the second moments are based on few gradients, the update uses only the first moments.
    Then the step size increases to that of Adam.

    Formula, with the clipped gradient g and the step t:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        n_max = 2 / (1 - beta_2) - 1
        n = n_max - 2 t beta_2^t / (1 - beta_2^t)
        r = sqrt((n - 4) (n - 2) n_max / ((n_max - 4) (n_max - 2) n))
        u = r m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)     if n >= sma_threshold
            m / (1 - beta_1^t)                                              otherwise
        w = w - rate (u + weight_decay w)

    For a sparse gradient, the moments of all rows decay; the rest of the update is limited to its rows.

    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020.

    Args:
        {{moments}}
        {{decay}}
        {{warmup}}
        {{keras}}

    Raises:
        ValueError: If a number is out of range, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = RectifiedAdam(0.1)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])  # without second moments
        >>> print(variable.numpy().round(4))
        [0.95 2.05]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: Scalar = 0.9,
        beta_2: Scalar = 0.999,
        epsilon: float = 1e-7,
        weight_decay: Hyperparameter = 0.0,
        amsgrad: bool = False,
        sma_threshold: float = 5.0,
        total_steps: int = 0,
        warmup_proportion: float = 0.1,
        min_lr: float = 0.0,
        name: str = "RectifiedAdam",
        **kwargs: Any,
    ):
        super().__init__(**init_arguments(locals()))

    def gain(self, gradient: tf.Tensor, momentum: tf.Tensor) -> tf.Tensor:
        """Return the scaled squared gradient, which is added to the second moments."""
        return (1 - self.beta_2) * tf.square(gradient)
