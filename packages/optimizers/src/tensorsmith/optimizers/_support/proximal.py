"""Proximal step for L1 and L2 penalties."""

import tensorflow as tf

from tensorsmith.core.types import Scalar


def shrunk(weights: tf.Tensor, rate: Scalar, l1: float, l2: float) -> tf.Tensor:
    """Return the weights after a proximal step for L1 and L2 regularization, which sets small weights to 0.

    Args:
        weights: Weights after the gradient step.
        rate: Learning rate, a scalar or one value per weight.
        l1: Strength of the L1 regularization penalty.
        l2: Strength of the L2 regularization penalty.
    """
    # Soft thresholding for L1, shrinkage for L2.
    if l1:
        weights = tf.sign(weights) * tf.nn.relu(tf.abs(weights) - rate * l1)
    return weights / (1 + rate * l2) if l2 else weights
