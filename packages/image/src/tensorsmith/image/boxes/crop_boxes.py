"""Crops of boxes in images."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.boxes._support.arguments import as_boxes


def crop_boxes(images: TensorLike, boxes: TensorLike, size: tuple[int, int]) -> tf.Tensor:
    """Return the part of the image in each box, resized by bilinear interpolation without antialiasing.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`, with at least one pixel.
        boxes: Tensor of shape `(batch, n, 4)` with the coordinates x_min, y_min, x_max and y_max in pixels. The part of
            a box outside of the image is 0, and so are the crops of boxes without area, or that are not finite.
        size: Height and width of the crops.

    Returns:
        A float32 tensor of shape `(batch, n, *size, channels)`.

    Raises:
        ValueError: If a shape or the size is invalid.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.image import boxes
        >>> image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
        >>> print(boxes.crop_boxes(image, [[[1.0, 0.0, 3.0, 2.0]]], (2, 2)).numpy()[0, 0, :, :, 0])
        [[1. 2.]
         [5. 6.]]
    """
    images, boxes = numbers("images", images, tf.float32), as_boxes("boxes", boxes)
    valid = images.shape.rank == 4
    check(valid, "images", Verbatim(f"shape {images.shape}"), "have shape (batch, height, width, channels)")
    check(0 not in images.shape[1:3], "images", Verbatim(f"shape {images.shape}"), "have at least one pixel")
    valid = boxes.shape.rank == 3 and boxes.shape[:1].is_compatible_with(images.shape[:1])
    check(valid, "boxes", Verbatim(f"shape {boxes.shape}"), f"have shape ({images.shape[0]}, n, 4)")
    valid = isinstance(size, tuple | list) and len(size) == 2 and all(is_integer(side) and side > 0 for side in size)
    check(valid, "size", size, "two positive integers, for the height and the width")
    count, limits = tf.shape(boxes)[1], tf.cast(tf.shape(images)[1:3] - 1, tf.float32)
    # The op samples between the centers of the first and the last pixel of a crop, and its coordinates are relative.
    low, high = boxes[..., 1::-1], boxes[..., 3:1:-1]
    step = (high - low) / tf.constant(size, tf.float32)
    inner = tf.concat([low + step / 2 - 0.5, high - step / 2 - 0.5], axis=-1) / tf.tile(tf.maximum(limits, 1), [2])
    used = tf.reduce_all((step > 0) & tf.math.is_finite(step), axis=-1, keepdims=True)
    inner = tf.where(used, inner, 0)
    index = tf.repeat(tf.range(tf.shape(images)[0]), count)
    crops = tf.image.crop_and_resize(images, tf.reshape(inner, [-1, 4]), index, size)
    crops = tf.reshape(crops, [-1, count, *size, images.shape[3]])
    crops = tf.where(used[..., tf.newaxis, tf.newaxis], crops, 0)
    return tf.ensure_shape(crops, [*boxes.shape[:2], *size, images.shape[3]])
