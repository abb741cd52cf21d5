"""Bilinear resampling of images, which are 0 outside."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import floats


def resampler(data: TensorLike, warp: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the values of images at given positions, by bilinear interpolation.

    Outside of the images, the values are 0, and decrease linearly to 0 within one pixel of the border. The function is
    differentiable with respect to the images and the positions. Source: `resampler` of TensorFlow Addons. See
    `interpolate_bilinear` for images that extend beyond their border, and `dense_image_warp` for flow fields.

    Args:
        data: Images, a tensor of shape `(batch, height, width, channels)` of a floating-point dtype.
        warp: Positions (x, y), that is, columns and rows, a tensor of shape `(batch, ..., 2)` with the dtype of the
            images.
        name: Name scope of the operations.

    Returns:
        A tensor of shape `(batch, ..., channels)`. It is 0 where a position is NaN.

    Raises:
        ValueError: If the images do not have four axes, the positions do not have two coordinates, or a dtype is not a
            floating-point dtype (a `TypeError`, too).
        tf.errors.InvalidArgumentError: If the batch sizes differ.

    Example:
        >>> import tensorflow as tf
        >>> data = tf.reshape([0.0, 1.0, 10.0, 11.0], (1, 2, 2, 1))
        >>> print(resampler(data, [[[0.5, 0.0], [1.0, 0.25], [1.5, 0.0]]]).numpy()[0, :, 0])
        [0.5 3.5 0.5]
    """
    with tf.name_scope(name or "resampler"):
        data, warp = floats("data", data), floats("warp", warp)
        shape = Verbatim(f"shape {data.shape}")
        check(data.shape.rank in (4, None), "data", shape, "have shape (batch, height, width, channels)")
        rank = warp.shape.rank
        valid = rank is None or (rank >= 2 and warp.shape[-1] in (2, None))
        check(valid, "warp", Verbatim(f"shape {warp.shape}"), "have shape (batch, ..., 2)")
        size = tf.shape(data)
        same = tf.debugging.assert_equal(size[0], tf.shape(warp)[0], "Batch size of data and warp tensor must be equal")
        with tf.control_dependencies([same] if same is not None else []):
            positions = tf.reshape(warp, [size[0], tf.reduce_prod(tf.shape(warp)[1:-1]), 2])
        # Outside, any position does. Larger numbers would not fit into integers.
        finite = tf.where(tf.math.is_nan(positions), tf.constant(-2, positions.dtype), positions)
        finite = tf.clip_by_value(finite, tf.constant(-2, finite.dtype), tf.cast([size[2], size[1]], finite.dtype))
        floor = tf.floor(finite)
        fraction, corner = tf.cast(finite - floor, data.dtype), tf.cast(floor, tf.int32)
        flat = tf.reshape(data, [size[0], size[1] * size[2], size[3]])
        total = tf.zeros([], data.dtype)
        for right in (0, 1):
            for below in (0, 1):
                column, row = corner[:, :, 0] + right, corner[:, :, 1] + below
                inside = (column >= 0) & (column < size[2]) & (row >= 0) & (row < size[1])
                values = tf.gather(flat, tf.where(inside, row * size[2] + column, 0), batch_dims=1)
                x, y = (
                    fraction[:, :, axis] if far else 1 - fraction[:, :, axis] for axis, far in enumerate((right, below))
                )
                total += tf.where(inside, x * y, 0)[:, :, tf.newaxis] * values
        return tf.reshape(total, tf.concat([tf.shape(warp)[:-1], size[3:]], axis=0))
