"""Checks of images that several functions share."""

from contextlib import AbstractContextManager

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.type_error import ArgumentTypeError


def with_channels(image: TensorLike) -> tf.Tensor:
    """Return an image as a tensor, after a check that it has a channel axis.

    Raises:
        ValueError: If the image does not have three or four axes.
    """
    return with_rank("image", tf.convert_to_tensor(image), (3, 4), "have three or four axes, the last one for channels")


def with_rank(name: str, tensor: tf.Tensor, ranks: tuple[int, ...], expected: str) -> tf.Tensor:
    """Return a tensor after a check of its rank, which takes place at run time if the rank is unknown in a graph.

    Raises:
        ValueError: If the rank is known and not one of `ranks`.
    """
    check(tensor.shape.rank in (*ranks, None), name, Verbatim(f"shape {tensor.shape}"), expected)
    return ranked(tensor, ranks, f"{name} must {expected}")


def ranked(tensor: tf.Tensor, ranks: tuple[int, ...], message: str) -> tf.Tensor:
    """Return a tensor whose rank is checked at run time if it is unknown in a graph."""
    if tensor.shape.rank is not None:
        return tensor
    return checked(tensor, tf.debugging.assert_rank_in(tensor, ranks, message=message))


def checked(tensor: tf.Tensor, *assertions: tf.Operation | None) -> tf.Tensor:
    """Return a tensor that is computed after assertions."""
    # Not an identity, which optimizers of graphs bypass: sizes would be read before the check. They also merge this
    # reshape with one that follows, which therefore needs `after` instead.
    with after(*assertions):
        return tf.reshape(tensor, tf.shape(tensor))


def after(*assertions: tf.Operation | None) -> AbstractContextManager[None]:
    """Return a scope whose operations run after assertions, which are `None` in eager mode, where they have passed."""
    return tf.control_dependencies([assertion for assertion in assertions if assertion is not None])


def scalar(name: str, value: Scalar, dtype: tf.DType) -> tf.Tensor:
    """Return a number as a tensor of a given dtype, after a check of its rank.

    Raises:
        ValueError: If the value is not a number, or a tensor with axes.
    """
    check(not isinstance(value, str | type(None)), name, value, "a number")
    tensor = tf.cast(value, dtype)
    check(tensor.shape.rank in (0, None), name, Verbatim(f"shape {tensor.shape}"), "a number")
    return tensor


def integers(name: str, value: TensorLike) -> tf.Tensor:
    """Return an int32 tensor, after a check that its dtype was an integer dtype.

    Raises:
        ValueError: If it was not.
    """
    tensor = tf.convert_to_tensor(value)
    check(tensor.dtype.is_integer, name, value, "an integer or integers")
    return tf.cast(tensor, tf.int32)


def one_or_each(name: str, tensor: tf.Tensor, batch: tf.Tensor) -> None:
    """Check that a tensor has one element along its first axis, or one for each image of a batch.

    Raises:
        ValueError: If the sizes are known statically, and the tensor has another size.
    """
    rows, count = tensor.shape[0], batch.shape[0]
    valid = rows in (1, None) or count in (rows, None)
    check(valid, name, Verbatim(f"size {rows}"), f"have size 1 or {count}, the number of images, along its first axis")


def floats(name: str, value: TensorLike) -> tf.Tensor:
    """Return a tensor after a check that its dtype is a floating-point dtype.

    Raises:
        ValueError: If it is not. The error is a `TypeError`, too, as in TensorFlow Addons.
    """
    tensor = tf.convert_to_tensor(value)
    if not tensor.dtype.is_floating:
        expected, remedy = "of a floating-point dtype", f"pass tf.cast({name}, tf.float32)"
        raise ArgumentTypeError.like(argument_error(name, Verbatim(tensor.dtype.name), expected, remedy))
    return tensor
