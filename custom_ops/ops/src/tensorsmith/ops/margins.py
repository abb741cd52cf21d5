"""Margins of images, for filters that preserve the size of images."""

from collections.abc import Callable

import tensorflow as tf

PADDINGS = ("reflect", "constant", "symmetric")  # in the order of the kernels


def padded(images: tf.Tensor, window: tuple[int, int], padding: str, fill_value: tf.Tensor) -> tf.Tensor:
    """Returns images with margins, so that the complete windows of the result are as many as the pixels of the images.

    With an even window size, the margin at the bottom or right is larger by one pixel. Images that are smaller than a
    margin are reflected repeatedly, as by `numpy.pad`.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`.
        window: Height and width of the windows.
        padding: `"reflect"`, `"constant"` or `"symmetric"`.
        fill_value: Number with which `padding="constant"` fills.
    """
    margins = [((size - 1) // 2, size // 2) for size in window]
    if padding == "constant":
        return tf.pad(images, [(0, 0), *margins, (0, 0)], constant_values=tf.cast(fill_value, images.dtype))
    skipped = int(padding == "reflect")  # 1 if the pixels at the border are not repeated
    for axis, (before, after) in enumerate(margins, start=1):
        images = _reflected(images, axis, before, after, skipped)
    return images


def _reflected(images: tf.Tensor, axis: int, before: int, after: int, skipped: int) -> tf.Tensor:
    """Returns images with margins along one axis. Unlike `tf.pad`, accepts empty batches and margins of any size."""
    if before == after == 0:
        return images
    length = tf.shape(images)[axis]
    period = tf.maximum(2 * (length - skipped), 1)

    def margin(start: tf.Tensor | int, end: tf.Tensor | int) -> tf.Tensor:
        position = tf.range(start, end) % period
        return tf.gather(images, tf.minimum(position, period - 1 + skipped - position), axis=axis)

    return tf.concat([margin(-before, 0), images, margin(length, length + after)], axis)


def unless_empty(function: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns `function(images)`, which has the shape of the images and the given dtype.

    Images without pixels or channels, which ops of TensorFlow refuse, are only cast.
    """
    if 0 in images.shape:
        return tf.cast(images, dtype)
    if None in images.shape[1:]:
        return tf.cond(tf.size(images) > 0, lambda: function(images), lambda: tf.cast(images, dtype))
    return function(images)
