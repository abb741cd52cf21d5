"""Centralised gradients."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Gradient, Optimizer
from tensorsmith.optimizers._support.rows import precise
from tensorsmith.optimizers._support.wrapping import Wrapper


@export
class GradientCentralization(Wrapper):
    """Takes the mean off the gradient of each unit's weights, before an optimizer gets it.

    Weights of a unit then move without changing their sum, which makes training smoother and its result plainer. It
    concerns kernels: gradients with two axes or more, of which the last counts units, as in all of Keras' dense layers
    and convolutions but those by channels. Sparse gradients, those of embeddings, and vectors stay as they are.

    Formula, with g the gradient, before clipping, and the mean over all axes but the last:

        g = g - mean(g)

    Source: Yong et al., "Gradient Centralization: A New Optimization Technique for Deep Neural Networks", 2020.

    Args:
        optimizer: The optimizer that gets the gradients, or the name of one.
        name: Name of the optimizer.

    Raises:
        ValueError: `optimizer` is none that this can stand around.

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
        """Those of kernels without their means."""
        return [_centralized(gradient) for gradient in gradients]


def _centralized(gradient: Gradient) -> Gradient:
    if gradient is None or isinstance(gradient, tf.IndexedSlices) or gradient.shape.rank < 2:
        return gradient
    values = tf.cast(gradient, precise(gradient.dtype))
    mean = tf.reduce_mean(values, axis=list(range(gradient.shape.rank - 1)), keepdims=True)
    return tf.cast(values - mean, gradient.dtype)
