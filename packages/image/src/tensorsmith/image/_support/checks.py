"""Checks of images that several functions share."""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check, is_number
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.type_error import ArgumentTypeError


def converted(name: str, value: TensorLike) -> tf.Tensor:
    """Return a value as a tensor.

    Raises:
        ValueError: If TensorFlow cannot convert the value.
    """
    try:
        return tf.convert_to_tensor(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise argument_error(name, value, "a tensor, an array or a nested list with rows of equal length") from error


def numbers(name: str, value: TensorLike, dtype: tf.DType | None = None) -> tf.Tensor:
    """Return a tensor of real numbers or booleans, with a given dtype if it is not `None`.

    Raises:
        ValueError: If the value is not such a tensor. `tf.cast` would discard the imaginary part of complex numbers.
    """
    tensor = converted(name, value)
    real = tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool
    remedy = f"pass tf.math.real({name}) or tf.abs({name})" if tensor.dtype.is_complex else ""
    check(real, name, Verbatim(f"dtype {tensor.dtype.name}"), "of a floating-point, integer or boolean dtype", remedy)
    return tensor if dtype is None else tf.cast(tensor, dtype)


def array_of_numbers(name: str, value: TensorLike) -> np.ndarray:
    """Return an array of real numbers, for functions that are computed by NumPy.

    Raises:
        ValueError: If the value is not such an array. Unlike NumPy, do not parse strings.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise argument_error(name, value, "an array or a nested list with rows of equal length") from error
    check(array.dtype.kind in "biuf" or array.size == 0, name, value, "an array or list of real numbers")
    return array


def with_channels(image: TensorLike) -> tf.Tensor:
    """Return an image as a tensor, after a check that it has a channel axis.

    Raises:
        ValueError: If the image does not have three or four axes.
    """
    return with_rank("image", numbers("image", image), (3, 4), "have three or four axes, the last one for channels")


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
    return tf.cast(_number(name, value), dtype)


def fill(name: str, value: TensorLike, dtype: tf.DType) -> tf.Tensor:
    """Return a number that images of a given dtype are filled with, or several numbers, in their own dtype.

    Raises:
        ValueError: If the numbers are not in the range of the dtype, in which a cast of integers would wrap around.
        tf.errors.InvalidArgumentError: The same, if the numbers are only known at run time.
    """
    tensor = numbers(name, value)
    least, most = (0, 1) if dtype.is_bool else (dtype.min, dtype.max)
    expected = f"from {least} to {most} for images of dtype {dtype.name}"
    known = tf.get_static_value(tensor)
    if known is not None:
        known = known.astype("float64") if known.dtype.kind == "V" else known  # bfloat16
        infinite = dtype.is_floating & ~np.isfinite(known)
        check(bool(np.all(infinite | ((known >= least) & (known <= most)))), name, value, expected)
    elif dtype.is_integer:
        wide = tf.cast(tensor, tf.float64)
        inside = tf.reduce_all((wide >= tf.cast(least, tf.float64)) & (wide <= tf.cast(most, tf.float64)))
        tensor = checked(tensor, tf.debugging.Assert(inside, [f"{name} must be {expected}, got", tensor]))
    return tensor


def constant(name: str, value: Scalar, dtype: tf.DType) -> tf.Tensor:
    """Return a single number that images of a given dtype are filled with, see `fill`."""
    return fill(name, _number(name, value), dtype)


def _number(name: str, value: Scalar) -> tf.Tensor:
    """Return a number as a tensor, after a check of its rank."""
    check(not isinstance(value, str | type(None)), name, value, "a number")
    tensor = numbers(name, value)
    check(tensor.shape.rank in (0, None), name, Verbatim(f"shape {tensor.shape}"), "a number")
    return tensor


def known_number(name: str, value: Any) -> float:
    """Return a finite number that is known when the function is called, also if it is a tensor.

    Raises:
        ValueError: If the value is not such a number.
    """
    known = tf.get_static_value(value) if tf.is_tensor(value) else value
    known = known.item() if isinstance(known, np.ndarray) and known.ndim == 0 else known
    check(is_number(known), name, value, "a number")
    return float(known)


def integers(name: str, value: TensorLike) -> tf.Tensor:
    """Return an int32 tensor, after a check that its dtype was an integer dtype.

    Raises:
        ValueError: If it was not.
    """
    tensor = converted(name, value)
    check(tensor.dtype.is_integer, name, value, "an integer or integers")
    return tf.saturate_cast(tensor, tf.int32)


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
    tensor = converted(name, value)
    if not tensor.dtype.is_floating:
        expected, remedy = "of a floating-point dtype", f"pass tf.cast({name}, tf.float32)"
        raise ArgumentTypeError.like(argument_error(name, Verbatim(tensor.dtype.name), expected, remedy))
    return tensor
