"""Arguments as kernels and twins take them."""

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import traced_for_xla


def as_int32(value: TensorLike, name: str) -> tf.Tensor:
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


def of_rank(value: tf.Tensor, rank: int) -> tf.Tensor:
    """The tensor, with a rank where that is unknown, as twins need; another one is found when it runs."""
    return tf.ensure_shape(value, [None] * rank) if value.shape.rank is None else value


def refuse_lengths_beyond(steps: tf.Tensor, lengths: tf.Tensor) -> None:
    """Refuses lengths out of range in twins, as the kernels do; XLA has no errors."""
    if not traced_for_xla():
        tf.debugging.assert_non_negative(lengths, "`lengths`: expected 0 or more")
        tf.debugging.assert_less_equal(lengths, steps, "`lengths`: expected no more than the steps")
