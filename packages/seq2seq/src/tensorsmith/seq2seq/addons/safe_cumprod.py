"""Cumulative product that is computed with logarithms."""

import tensorflow as tf

from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.precision import in_single_precision


def safe_cumprod(
    x: TensorLike, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Return the cumulative product of positive numbers, computed as a sum of logarithms.

    The gradient of `tf.math.cumprod` divides by the factors, which fails for factors of 0. This function replaces
    numbers below the smallest normal number of the dtype by that number, and numbers above 1 by 1. Numbers of 16 bits
    are processed in float32.

    Formula:

        exp(cumsum(log(clip(x, tiny, 1))))

    Source: `safe_cumprod` of TensorFlow Addons.

    Args:
        x: Floating-point tensor.
        axis: Axis along which the product is computed.
        exclusive: If `True`, each product excludes the factor at its own position.
        reverse: If `True`, multiply from the end to the start of the axis.
        name: Name of the operation.

    Returns:
        A tensor with the same shape and dtype as `x`.

    Example:
        >>> from tensorsmith.seq2seq import safe_cumprod
        >>> print(safe_cumprod([0.5, 0.5, 0.0, 1.0]).numpy().round(4))
        [0.5  0.25 0.   0.  ]
    """
    with tf.name_scope(name or "safe_cumprod"):
        x = tf.convert_to_tensor(x)
        factors = in_single_precision(x)
        tiny = tf.experimental.numpy.finfo(factors.dtype.as_numpy_dtype).tiny
        logarithms = tf.math.log(tf.clip_by_value(factors, tiny, 1))
        return tf.cast(tf.exp(tf.cumsum(logarithms, axis=axis, exclusive=exclusive, reverse=reverse)), x.dtype)
