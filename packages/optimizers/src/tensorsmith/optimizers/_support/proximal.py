"""The step that makes penalties of weights take effect."""

import tensorflow as tf

from tensorsmith.core.types import Scalar


def shrunk(weights: tf.Tensor, rate: Scalar, l1: float, l2: float) -> tf.Tensor:
    """The weights w that minimise (w - weights)² / 2 + rate (l1 |w| + l2 w² / 2): nearer to 0, many of them at it.

    Args:
        weights: After the gradient's step.
        rate: Learning rate, one or one for each weight.
        l1: Strength of the penalty on sizes.
        l2: Strength of the penalty on squares.
    """
    if l1:
        weights = tf.sign(weights) * tf.nn.relu(tf.abs(weights) - rate * l1)
    return weights / (1 + rate * l2) if l2 else weights
