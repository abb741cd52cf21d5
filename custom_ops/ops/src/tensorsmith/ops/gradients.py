"""Vector-Jacobian products of reference implementations, for second derivatives of compiled gradient ops."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Twin = Callable[..., Any]


def vjp(twin: Twin, inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor] | tf.Tensor) -> list[tf.Tensor]:
    """Returns the gradients of a function's outputs, weighted by `upstream`. They are zero for unconnected inputs."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = twin(*inputs)
    zero = tf.UnconnectedGradients.ZERO
    gradients: list[tf.Tensor] = tape.gradient(outputs, inputs, output_gradients=upstream, unconnected_gradients=zero)
    return gradients
