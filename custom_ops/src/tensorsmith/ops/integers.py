"""Integers of any width for kernels that take 32 bits."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import check


def as_int32(value: Any, name: str) -> tf.Tensor:
    """A tensor of integers as int32. What does not fit becomes the nearest that does, so that it stays out of range.

    `tf.saturate_cast` does the same, in an op that TensorFlow Lite lacks for int64.

    Args:
        value: Integers.
        name: What the argument is called.

    Raises:
        ValueError: Another type.
    """
    value = tf.convert_to_tensor(value)
    check(value.dtype.is_integer, name, value.dtype.name, "integers")
    if value.dtype.max > tf.int32.max:
        value = tf.minimum(value, tf.constant(tf.int32.max, value.dtype))
    if value.dtype.min < tf.int32.min:
        value = tf.maximum(value, tf.constant(tf.int32.min, value.dtype))
    return tf.cast(value, tf.int32)
