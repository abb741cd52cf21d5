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


def require_shape(name: str, value: tf.Tensor, shape: tf.Tensor) -> None:
    """Raises an error at runtime for a tensor of another shape, except under XLA.

    The kernels do the same. Reference implementations would broadcast or ignore the tensor. Shapes that are known when
    the graph is traced must have been compared before.

    Args:
        name: Name of the argument, for the error message.
        value: Tensor to check.
        shape: Expected shape, an integer tensor.
    """
    known = value.shape.is_fully_defined() and tf.get_static_value(shape) is not None
    if not (known or traced_for_xla()):
        message = f"{name} must have the shape that the other arguments imply"
        tf.debugging.assert_equal(tf.rank(value), tf.size(shape), message)  # the shape of a scalar would be broadcast
        tf.debugging.assert_equal(tf.shape(value), shape, message)


def refuse_lengths_beyond(steps: tf.Tensor, lengths: tf.Tensor) -> None:
    """Raises an error for sequence lengths that are negative or too large, except under XLA."""
    if not traced_for_xla():
        tf.debugging.assert_non_negative(lengths, "lengths must be >= 0")
        tf.debugging.assert_less_equal(lengths, steps, "lengths must be <= the number of steps")
