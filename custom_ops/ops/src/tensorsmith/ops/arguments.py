"""Conversion and validation of arguments for kernels and reference implementations."""

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import traced_for_xla


def as_int32(value: TensorLike, name: str) -> tf.Tensor:
    """Casts an integer tensor to int32. Values that are out of range are clipped to the limits of int32.

    `tf.saturate_cast` does the same with an op that TensorFlow Lite does not support for int64.

    Args:
        value: Integer tensor to cast.
        name: Name of the argument, for error messages.

    Raises:
        ValueError: If `value` is not a tensor of integers.
    """
    value = tf.convert_to_tensor(value)
    check(value.dtype.is_integer, name, value.dtype.name, "have an integer dtype")
    if value.dtype.max > tf.int32.max:
        value = tf.minimum(value, tf.constant(tf.int32.max, value.dtype))
    if value.dtype.min < tf.int32.min:
        value = tf.maximum(value, tf.constant(tf.int32.min, value.dtype))
    return tf.cast(value, tf.int32)


def of_rank(value: tf.Tensor, rank: int) -> tf.Tensor:
    """Sets the static rank of a tensor for reference implementations. An unknown rank is checked at runtime."""
    return tf.ensure_shape(value, [None] * rank) if value.shape.rank is None else value


def refuse_lengths_beyond(steps: tf.Tensor, lengths: tf.Tensor) -> None:
    """Raises an error for sequence lengths that are negative or too large, except under XLA."""
    if not traced_for_xla():
        tf.debugging.assert_non_negative(lengths, "lengths must be >= 0")
        tf.debugging.assert_less_equal(lengths, steps, "lengths must be <= the number of steps")
