"""Bilinear interpolation at given positions."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import floats
from tensorsmith.image._support.traced import traced

INDEXINGS = ("ij", "xy")


@traced  # Addons has its `get_concrete_function`
def interpolate_bilinear(
    grid: TensorLike, query_points: TensorLike, indexing: str = "ij", name: str | None = None
) -> tf.Tensor:
    """Return the values of a grid at given positions, by bilinear interpolation.

    Outside of the grid, the values are those of the nearest position at its border. The function is differentiable
    with respect to the grid and the positions. Source: `interpolate_bilinear` of TensorFlow Addons.

    Args:
        grid: Tensor of shape `(batch, height, width, channels)` of a floating-point dtype, with a height and width of
            at least 2.
        query_points: Tensor of shape `(batch, points, 2)` of a floating-point dtype, or `(1, points, 2)` with the same
            positions for all grids.
        indexing: "ij" if positions are rows and columns, "xy" if they are columns and rows.
        name: Name scope of the operations.

    Returns:
        A tensor of shape `(batch, points, channels)` with the dtype of the grid.

    Raises:
        ValueError: If `indexing` is unknown, or a dtype is not a floating-point dtype (a `TypeError`, too).
        tf.errors.InvalidArgumentError: If a shape is invalid. If the rank is known statically to be wrong, a
            `ValueError`.

    Example:
        >>> grid = [[[[0.0], [1.0]], [[10.0], [11.0]]]]
        >>> print(interpolate_bilinear(grid, [[[0.5, 0.25]]]).numpy())
        [[[5.25]]]
    """
    check(indexing in INDEXINGS, "indexing", indexing, f"one of {INDEXINGS}")
    with tf.name_scope(name or "interpolate_bilinear"):
        grid, query_points = floats("grid", grid), floats("query_points", query_points)
        with tf.control_dependencies(_shape_checks(grid, query_points)):
            grid, query_points = tf.identity(grid), tf.identity(query_points)
        query_points = tf.broadcast_to(query_points, [tf.shape(grid)[0], tf.shape(query_points)[1], 2])
        positions = tf.reverse(query_points, [2]) if indexing == "ij" else query_points
        return ops.resample(grid, positions, padding_mode="border")


def _shape_checks(grid: tf.Tensor, query_points: tf.Tensor) -> list[tf.Operation]:
    size = tf.shape(grid)
    return [
        tf.debugging.assert_rank(grid, 4, "Grid must be 4D Tensor"),
        tf.debugging.assert_greater_equal(size[1], 2, "Grid height must be at least 2."),
        tf.debugging.assert_greater_equal(size[2], 2, "Grid width must be at least 2."),
        tf.debugging.assert_rank(query_points, 3, "Query points must be 3 dimensional."),
        tf.debugging.assert_equal(tf.shape(query_points)[-1], 2, "Query points last dimension must be 2."),
    ]
