"""Gradients by way of reference twins: what compiled gradient ops are differentiated with a second time."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Twin = Callable[..., Any]


def vjp(twin: Twin, inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor] | tf.Tensor) -> list[tf.Tensor]:
    """The gradients of a function's outputs at some inputs, weighted by `upstream`; zeros where nothing depends."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = twin(*inputs)
    zero = tf.UnconnectedGradients.ZERO
    gradients: list[tf.Tensor] = tape.gradient(outputs, inputs, output_gradients=upstream, unconnected_gradients=zero)
    return gradients
