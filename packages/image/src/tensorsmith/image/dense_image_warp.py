"""Warp of images by a flow field."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import checked, floats, ranked
from tensorsmith.image._support.traced import traced, with_concrete_functions
from tensorsmith.image.interpolate_bilinear import check_sizes, interpolate_bilinear


@with_concrete_functions
def dense_image_warp(image: TensorLike, flow: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return images whose pixels are moved by a flow field.

    The output pixel `(row, column)` is the input at the position `(row - flow[..., 0], column - flow[..., 1])`, by
    bilinear interpolation. Outside of the image, the values are those of the nearest position at its border. The
    function is differentiable with respect to the image and the flow. With the optical flow from image a to image b,
    `dense_image_warp(b, -flow)` reconstructs a. Source: `dense_image_warp` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(batch, height, width, channels)` of a floating-point dtype, with a height and width of
            at least 2. The rank may be unknown.
        flow: Tensor of shape `(batch, height, width, 2)` of a floating-point dtype: vertical and horizontal motion in
            pixels.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If the shape of the image or the flow is invalid, or a dtype is not a floating-point dtype (a
            `TypeError`, too). If the image is too small, the error is a `tf.errors.InvalidArgumentError`, too.
        tf.errors.InvalidArgumentError: If a shape that is unknown when the graph is traced turns out to be invalid.

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
        received = Verbatim(f"shape {image.shape}")
        check(image.shape.rank in (4, None), "image", received, "have shape (batch, height, width, channels)")
        shape = tf.TensorShape([*(image.shape[:3] if image.shape.rank else [None] * 3), 2])
        check(flow.shape.is_compatible_with(shape), "flow", Verbatim(f"shape {flow.shape}"), f"have shape {shape}")
        check_sizes(image.shape)
        warped = _warped(image, flow)
        warped.set_shape(image.shape)
        return warped


@traced
def _warped(image: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    image = ranked(image, (4,), "image must have rank 4")
    expected = "flow must have shape (batch, height, width, 2)"
    flow = ranked(flow, (4,), expected)
    size = tf.shape(image)
    valid = tf.debugging.assert_equal(tf.shape(flow), tf.concat([size[:3], [2]], axis=0), expected)
    flow = checked(flow, valid)
    rows, columns = tf.meshgrid(tf.range(size[1]), tf.range(size[2]), indexing="ij")
    positions = tf.cast(tf.stack([rows, columns], axis=2), flow.dtype) - flow
    warped = interpolate_bilinear(image, tf.reshape(positions, [size[0], size[1] * size[2], 2]))
    return tf.reshape(warped, size)
