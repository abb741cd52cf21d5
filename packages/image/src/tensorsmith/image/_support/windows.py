"""Filter windows: their shape, and the padding of images by it."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tensorsmith.core import argument_error, check, is_integer
from tensorsmith.core.types import Scalar
from tensorsmith.image._support.type_error import ArgumentTypeError

PADDINGS = ("REFLECT", "CONSTANT", "SYMMETRIC")


def window_shape(filter_shape: int | Sequence[int]) -> tuple[int, int]:
    """Return the height and width of a filter.

    Raises:
        ValueError: If these are not two positive integers.
        TypeError: If `filter_shape` is `None`, as in TensorFlow Addons.
    """
    expected = "a positive integer or a pair of positive integers"
    sizes = filter_shape if isinstance(filter_shape, Sequence | np.ndarray) else [filter_shape] * 2
    if filter_shape is None:
        raise ArgumentTypeError.like(argument_error("filter_shape", filter_shape, expected))
    valid = len(sizes) == 2 and all(is_integer(size) and size > 0 for size in sizes)
    check(valid, "filter_shape", filter_shape, expected)
    return int(sizes[0]), int(sizes[1])


def check_padding(padding: str) -> None:
    """Raise an error for an unknown padding."""
    check(isinstance(padding, str) and padding.upper() in PADDINGS, "padding", padding, f"one of {PADDINGS}")


def unless_empty(function: Callable[[tf.Tensor], tf.Tensor], batch: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return `function(batch)`, which has the shape of the batch and a given dtype.

    Images without pixels or channels, which ops of TensorFlow refuse, are only cast.
    """
    if 0 in batch.shape:
        return tf.cast(batch, dtype)
    if None in batch.shape[1:]:
        return tf.cond(tf.size(batch) > 0, lambda: function(batch), lambda: tf.cast(batch, dtype))
    return function(batch)


def padded(batch: tf.Tensor, window: tuple[int, int], padding: str, constant_values: Scalar) -> tf.Tensor:
    """Return images of shape `(batch, height, width, channels)` with margins, so that a filter preserves their size.

    With an even filter size, the margin at the bottom or right is larger by one pixel. Images that are smaller than a
    margin are reflected repeatedly, as in `numpy.pad`.
    """
    check_padding(padding)
    margins = [((size - 1) // 2, size // 2) for size in window]
    if padding.upper() == "CONSTANT":
        return tf.pad(batch, [(0, 0), *margins, (0, 0)], constant_values=tf.cast(constant_values, batch.dtype))
    skipped = int(padding.upper() == "REFLECT")  # 1 if the pixels at the border are not repeated
    for axis, (before, after) in enumerate(margins, start=1):
        batch = _reflected(batch, axis, before, after, skipped)
    return batch


def _reflected(batch: tf.Tensor, axis: int, before: int, after: int, skipped: int) -> tf.Tensor:
    """Return images with margins along one axis. Unlike `tf.pad`, accept empty batches and margins of any size."""
    if before == after == 0:
        return batch
    length = tf.shape(batch)[axis]
    period = tf.maximum(2 * (length - skipped), 1)

    def margin(start: tf.Tensor | int, end: tf.Tensor | int) -> tf.Tensor:
        position = tf.range(start, end) % period
        return tf.gather(batch, tf.minimum(position, period - 1 + skipped - position), axis=axis)

    return tf.concat([margin(-before, 0), batch, margin(length, length + after)], axis)
