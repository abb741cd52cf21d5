"""Sharpening and blurring of images."""

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.blend import blend
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image
from tensorsmith.ops.margins import unless_empty

SMOOTH = ((1.0, 1.0, 1.0), (1.0, 5.0, 1.0), (1.0, 1.0, 1.0))  # the filter of Pillow, whose sum is 13


def sharpness(image: TensorLike, factor: Scalar, name: str | None = None) -> tf.Tensor:
    """Return sharper or smoother images.

    The result is `blend(smooth, image, factor)`, where `smooth` is the image after a 3x3 filter, with an unchanged
    border of one pixel. Source: `sharpness` of TensorFlow Addons, which has the filter of Pillow.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`,
            with values from 0 to 255. The rank may be unknown.
        factor: 0 for a smooth image, 1 for the same image, and more than 1 for a sharper one.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image. Integers are rounded toward zero after smoothing.

    Raises:
        ValueError: If the image does not have rank 2, 3 or 4.

    Example:
        >>> image = [[0.0, 0.0, 0.0], [0.0, 130.0, 0.0], [0.0, 0.0, 0.0]]
        >>> float(sharpness(image, 0.0)[1, 1]), float(sharpness(image, 1.5)[1, 1])
        (50.0, 170.0)
    """
    with tf.name_scope(name or "sharpness"):
        image = numbers("image", image)
        batch = to_4D_image(image)
        smooth = unless_empty(_smoothed, tf.cast(batch, tf.float32), tf.float32)
        size = tf.shape(batch)
        inner = _inner(size[1])[:, tf.newaxis, tf.newaxis] & _inner(size[2])[:, tf.newaxis]
        smooth = tf.where(inner, tf.cast(smooth, image.dtype), batch)
        return from_4D_image(tf.cast(blend(smooth, batch, factor), image.dtype), get_ndims(image))


def _smoothed(batch: tf.Tensor) -> tf.Tensor:
    smoothing = tf.constant(SMOOTH)[:, :, tf.newaxis, tf.newaxis] / 13
    smoothing = tf.tile(smoothing, [1, 1, tf.shape(batch)[3], 1])
    return tf.nn.depthwise_conv2d(batch, smoothing, (1, 1, 1, 1), "SAME")


def _inner(size: tf.Tensor) -> tf.Tensor:
    """Return a boolean vector that is true for all pixels along an axis but the first and the last."""
    position = tf.range(size)
    return (position > 0) & (position < size - 1)
