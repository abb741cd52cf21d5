"""Vector-Jacobian products, for second derivatives of compiled ops."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Reference = Callable[..., Any]


def vjp(
    reference: Reference, inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor] | tf.Tensor
) -> list[tf.Tensor]:
    """Returns the gradients of function outputs weighted by `upstream`. Unconnected inputs have zero gradients."""
    # In a branch of `tf.cond`, the inputs belong to another graph, and the tape does not connect them with copies here.
    inputs = [tf.identity(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = reference(*inputs)
    zero = tf.UnconnectedGradients.ZERO
    gradients: list[tf.Tensor] = tape.gradient(outputs, inputs, output_gradients=upstream, unconnected_gradients=zero)
    return gradients
