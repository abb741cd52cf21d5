"""Warp of images by the motion of control points."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import converted, floats, one_or_each
from tensorsmith.image.dense_image_warp import dense_image_warp
from tensorsmith.image.interpolate_spline import MOST, interpolate_spline
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image


def sparse_image_warp(
    image: TensorLike,
    source_control_point_locations: TensorLike,
    dest_control_point_locations: TensorLike,
    interpolation_order: int = 2,
    regularization_weight: Scalar = 0.0,
    num_boundary_points: int = 0,
    name: str = "sparse_image_warp",
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return images whose control points have moved to other positions, and the flow field of this motion.

    The motion of the control points is interpolated by a spline (see `interpolate_spline`), and the images are warped
    by the resulting flow field (see `dense_image_warp`). The function is differentiable with respect to all tensors.
    Source: `sparse_image_warp` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)` of a
            floating-point dtype. The rank may be unknown.
        source_control_point_locations: Rows and columns of the control points in the image, a float32 or float64 tensor
            of shape `(batch, points, 2)`, or `(1, points, 2)` with the same points for all images.
        dest_control_point_locations: Rows and columns of the control points in the result, of the same shape and dtype.
        interpolation_order: Order of the spline, a positive integer.
        regularization_weight: Regularization of the spline. If it is not 0, the control points move only approximately
            to their destinations.
        num_boundary_points: Number of fixed points along each edge of the image, without one of its two corners: 0 for
            none, 1 for the four corners.
        name: Name scope of the operations.

    Returns:
        A tuple of the warped images, with the shape and dtype of `image`, and the flow field, a tensor of shape
        `(batch, height, width, 2)`.

    Raises:
        ValueError: If the image does not have rank 2, 3 or 4, or another argument is invalid.
        tf.errors.InvalidArgumentError: If the spline is not determined, see `interpolate_spline`.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.scatter_nd([[2, 2]], [1.0], (5, 5))
        >>> moved, _ = sparse_image_warp(image, [[[2.0, 2.0]]], [[[2.0, 3.0]]], num_boundary_points=1)
        >>> print(moved.numpy()[2].round(2) + 0.0)
        [0.   0.   0.12 1.   0.  ]
    """
    valid = is_integer(interpolation_order) and 0 < interpolation_order <= MOST
    check(valid, "interpolation_order", interpolation_order, f"a positive integer, at most {MOST}")
    check(
        is_integer(num_boundary_points) and num_boundary_points >= 0,
        "num_boundary_points",
        num_boundary_points,
        "a non-negative integer",
    )
    with tf.name_scope(name or "sparse_image_warp"):
        image = floats("image", image)
        batch = to_4D_image(image)
        small = any(size is not None and size < 2 for size in batch.shape[1:3])
        check(not small, "image", Verbatim(f"shape {image.shape}"), "have a height and width of at least 2")
        size = tf.shape(batch)
        source = converted("source_control_point_locations", source_control_point_locations)
        destination = converted("dest_control_point_locations", dest_control_point_locations)
        for name, points in (
            ("source_control_point_locations", source),
            ("dest_control_point_locations", destination),
        ):
            received = Verbatim(f"shape {points.shape}")
            check(points.shape.is_compatible_with([None, None, 2]), name, received, "have shape (batch, points, 2)")
            check(points.dtype in (tf.float32, tf.float64), name, Verbatim(points.dtype.name), "float32 or float64")
        check(
            source.shape.is_compatible_with(destination.shape) and source.dtype == destination.dtype,
            "dest_control_point_locations",
            Verbatim(f"shape {destination.shape} and dtype {destination.dtype.name}"),
            f"have the shape {source.shape} and dtype {source.dtype.name} of the source points",
        )
        one_or_each("source_control_point_locations", source, batch)
        motion = destination - source
        if num_boundary_points:
            fixed = tf.cast(_boundary(size[1], size[2], num_boundary_points), destination.dtype)
            fixed = tf.repeat(fixed[tf.newaxis], tf.shape(destination)[0], axis=0)
            destination = tf.concat([destination, fixed], axis=1)
            motion = tf.concat([motion, tf.zeros_like(fixed)], axis=1)
        grid = tf.meshgrid(tf.range(size[1]), tf.range(size[2]), indexing="ij")
        positions = tf.cast(tf.reshape(tf.stack(grid, axis=2), [1, size[1] * size[2], 2]), destination.dtype)
        positions = tf.repeat(positions, tf.shape(destination)[0], axis=0)
        flow = interpolate_spline(destination, motion, positions, interpolation_order, regularization_weight)
        flow = tf.reshape(flow, [tf.shape(destination)[0], size[1], size[2], 2])
        flow = tf.broadcast_to(flow, [size[0], size[1], size[2], 2])
        return from_4D_image(dense_image_warp(batch, flow), get_ndims(image)), flow


def _boundary(height: tf.Tensor, width: tf.Tensor, per_edge: int) -> tf.Tensor:
    """Return the rows and columns of points along the edges of an image, of shape `(4 * per_edge, 2)`."""
    part = tf.range(per_edge, dtype=tf.float32) / per_edge  # of each edge, without its end
    rows, columns = tf.cast(height - 1, tf.float32), tf.cast(width - 1, tf.float32)
    zero = tf.zeros_like(part)
    edges = ((zero, part), (part, zero + 1), (zero + 1, 1 - part), (1 - part, zero))  # clockwise
    return tf.concat([tf.stack([row * rows, column * columns], axis=1) for row, column in edges], axis=0)
