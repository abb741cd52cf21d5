"""Filters whose weights are the product of weights along the height and along the width."""

from collections.abc import Callable

import tensorflow as tf

from tensorsmith.core.types import Scalar
from tensorsmith.image._support.windows import check_padding, padded, unless_empty


def filtered(
    batch: tf.Tensor,
    window: tuple[int, int],
    weights: Callable[[int, int], tf.Tensor],
    padding: str,
    constant_values: Scalar,
) -> tf.Tensor:
    """Return images after a separable filter, in float64 or, for images of all other dtypes, in float32.

    Args:
        batch: Images of shape `(batch, height, width, channels)`.
        window: Height and width of the filter.
        weights: Function that returns the weights, given the size of the filter and the axis: 0 for the height, 1 for
            the width.
        padding: Pixels outside of the image, as in `tf.pad`.
        constant_values: Number with which `padding="CONSTANT"` fills.
    """
    dtype = tf.float64 if batch.dtype == tf.float64 else tf.float32

    def convolved(batch: tf.Tensor) -> tf.Tensor:
        if padding.upper() == "CONSTANT":
            batch = tf.cast(batch, dtype)  # the constant need not be an integer
        result = tf.cast(padded(batch, window, padding, constant_values), dtype)
        for axis, size in enumerate(window):
            kernel = tf.cast(weights(size, axis), dtype)
            kernel = tf.reshape(kernel, (size, 1, 1, 1) if axis == 0 else (1, size, 1, 1))
            kernel = tf.tile(kernel, [1, 1, tf.shape(batch)[3], 1])
            result = tf.nn.depthwise_conv2d(result, kernel, (1, 1, 1, 1), "VALID")
        # TensorFlow returns a wrong shape for empty batches, which are not always known statically.
        return tf.ensure_shape(tf.reshape(result, tf.shape(batch)), batch.shape)

    check_padding(padding)
    return unless_empty(convolved, batch, dtype)
