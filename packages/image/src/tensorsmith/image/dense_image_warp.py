"""Warp of images by a flow field."""

import tensorflow as tf

from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import floats
from tensorsmith.image._support.traced import traced
from tensorsmith.image.interpolate_bilinear import interpolate_bilinear


@traced  # Addons has its `get_concrete_function`
def dense_image_warp(image: TensorLike, flow: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return images whose pixels are moved by a flow field.

    The output pixel `(row, column)` is the input at the position `(row - flow[..., 0], column - flow[..., 1])`, by
    bilinear interpolation. Outside of the image, the values are those of the nearest position at its border. The
    function is differentiable with respect to the image and the flow. With the optical flow from image a to image b,
    `dense_image_warp(b, -flow)` reconstructs a. Source: `dense_image_warp` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(batch, height, width, channels)` of a floating-point dtype, with a height and width of
            at least 2.
        flow: Tensor of shape `(batch, height, width, 2)` of a floating-point dtype: vertical and horizontal motion in
            pixels.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If a dtype is not a floating-point dtype (a `TypeError`, too).
        tf.errors.InvalidArgumentError: If a shape is invalid. If the rank is known statically to be wrong, a
            `ValueError`.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.reshape([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], (1, 2, 3, 1))
        >>> flow = tf.broadcast_to([0.0, 0.5], (1, 2, 3, 2))  # half a pixel to the right
        >>> print(dense_image_warp(image, flow).numpy()[0, :, :, 0])
        [[0.  0.5 1.5]
         [3.  3.5 4.5]]
    """
    with tf.name_scope(name or "dense_image_warp"):
        image, flow = floats("image", image), floats("flow", flow)
        size = tf.shape(image)
        rows, columns = tf.meshgrid(tf.range(size[1]), tf.range(size[2]), indexing="ij")
        positions = tf.cast(tf.stack([rows, columns], axis=2), flow.dtype) - flow
        warped = interpolate_bilinear(image, tf.reshape(positions, [size[0], size[1] * size[2], 2]))
        warped = tf.reshape(warped, size)
        warped.set_shape(image.shape)
        return warped
