"""Bilinear resampling of images, which are 0 outside."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import after, checked, floats, ranked
from tensorsmith.image._support.op_errors import InvalidShapeError, UnsupportedArgumentError


def resampler(data: TensorLike, warp: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the values of images at given positions, by bilinear interpolation.

    Outside of the images, the values are 0, and decrease linearly to 0 within one pixel of the border. The function is
    differentiable with respect to the images and the positions. Source: `resampler` of TensorFlow Addons. See
    `interpolate_bilinear` for images that extend beyond their border, and `dense_image_warp` for flow fields.

    Args:
        data: Images, a tensor of shape `(batch, height, width, channels)` of a floating-point dtype. The rank may be
            unknown.
        warp: Positions (x, y), that is, columns and rows, a tensor of shape `(batch, ..., 2)` with the dtype of the
            images.
        name: Name scope of the operations.

    Returns:
        A tensor of shape `(batch, ..., channels)`. It is 0 where a position is NaN.

    Raises:
        ValueError: If the images do not have four axes or the positions do not have two coordinates (a
            `tf.errors.UnimplementedError`, too), if the positions have rank 1 or the batch sizes differ (a
            `tf.errors.InvalidArgumentError`, too), or if a dtype is not a floating-point dtype (a `TypeError`, too).
        tf.errors.InvalidArgumentError: If a shape that is unknown when the graph is traced turns out to be invalid.

    Example:
        >>> import tensorflow as tf
        >>> data = tf.reshape([0.0, 1.0, 10.0, 11.0], (1, 2, 2, 1))
        >>> print(resampler(data, [[[0.5, 0.0], [1.0, 0.25], [1.5, 0.0]]]).numpy()[0, :, 0])
        [0.5 3.5 0.5]
    """
    with tf.name_scope(name or "resampler"):
        data, warp = floats("data", data), floats("warp", warp)
        _check_shapes(data.shape, warp.shape)
        data = ranked(data, (4,), "data must have rank 4")
        if warp.shape.rank is None:
            warp = checked(warp, tf.debugging.assert_rank_at_least(warp, 2, "warp must have shape (batch, ..., 2)"))
        size, shape = tf.shape(data), tf.shape(warp)
        same = tf.debugging.assert_equal(size[0], shape[0], "Batch size of data and warp tensor must be equal")
        with after(same):
            positions = tf.reshape(warp, [size[0], tf.reduce_prod(shape[1:-1]), 2])
        values = ops.resample(data, positions)
        return tf.reshape(values, tf.concat([shape[:-1], size[3:]], axis=0))


def _check_shapes(data: tf.TensorShape, warp: tf.TensorShape) -> None:
    """Raise an error for invalid shapes, with the class and the last sentence of that of TensorFlow Addons."""
    images, positions = (Verbatim(f"shape {shape}") for shape in (data, warp))
    if data.rank not in (4, None):
        expected = "have shape (batch, height, width, channels)"
        remedy = "only bilinear interpolation is currently supported"
        raise UnsupportedArgumentError.like(argument_error("data", images, expected, remedy))
    expected = "have shape (batch, ..., 2)"
    if warp.rank is not None and warp.rank < 2:
        remedy = "the warp should be at least a matrix"
        raise InvalidShapeError.like(argument_error("warp", positions, expected, remedy))
    if warp.rank is not None and warp[-1] not in (2, None):
        remedy = "only bilinear interpolation is supported, warping to positions with two coordinates"
        raise UnsupportedArgumentError.like(argument_error("warp", positions, expected, remedy))
    if None not in (data.rank, warp.rank) and not data[:1].is_compatible_with(warp[:1]):
        expected, remedy = f"have shape ({data[0]}, ..., 2)", "batch size of data and warp tensor must be equal"
        raise InvalidShapeError.like(argument_error("warp", positions, expected, remedy))
