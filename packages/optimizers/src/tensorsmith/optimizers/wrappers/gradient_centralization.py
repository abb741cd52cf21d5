"""Optimizer wrapper for gradient centralization."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Gradient, Optimizer
from tensorsmith.optimizers._support.rows import precise
from tensorsmith.optimizers._support.wrapping import Wrapper


@export
class GradientCentralization(Wrapper):
    """Optimizer wrapper that centers the gradient of each unit by subtracting its mean.

    The sum of the weights of a unit then remains constant, which makes training smoother and regularizes the weights.
    Only kernels are affected: gradients with two or more axes, the last of which indexes units, as in all dense and
    convolutional layers of Keras except depthwise ones. Sparse gradients, such as those of embeddings, and vectors are
    left unchanged.

    Formula, with the gradient g before clipping, and the mean over all axes except the last:

        g = g - mean(g)

    Source: Yong et al., "Gradient Centralization: A New Optimization Technique for Deep Neural Networks", 2020.

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        name: Name of the optimizer.

    Raises:
        ValueError: If `optimizer` cannot be wrapped.

    Example:
        >>> import keras
        >>> kernel = keras.Variable([[1.0], [2.0]])
        >>> optimizer = GradientCentralization(keras.optimizers.SGD(0.1))
        >>> optimizer.apply([keras.ops.array([[5.0], [7.0]])], [kernel])
        >>> print(kernel.numpy().round(4).ravel())
        [1.1 1.9]
    """

    def __init__(self, optimizer: Optimizer, name: str = "GradientCentralization"):
        super().__init__(optimizer, name)

    def before(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Subtract the mean from the gradient of each unit, and return the gradients."""
        return [_centralized(gradient) for gradient in gradients]


def _centralized(gradient: Gradient) -> Gradient:
    if gradient is None or isinstance(gradient, tf.IndexedSlices) or gradient.shape.rank < 2:
        return gradient
    values = tf.cast(gradient, precise(gradient.dtype))
    # One mean over the incoming weights of each unit: (1, ..., 1, units).
    mean = tf.reduce_mean(values, axis=list(range(gradient.shape.rank - 1)), keepdims=True)
    return tf.cast(values - mean, gradient.dtype)
