"""Bilinear interpolation at given positions."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import checked, floats, one_or_each, ranked
from tensorsmith.image._support.op_errors import InvalidShapeError
from tensorsmith.image._support.traced import traced, with_concrete_functions

INDEXINGS = ("ij", "xy")


@with_concrete_functions
def interpolate_bilinear(
    grid: TensorLike, query_points: TensorLike, indexing: str = "ij", name: str | None = None
) -> tf.Tensor:
    """Return the values of a grid at given positions, by bilinear interpolation.

    Outside of the grid, the values are those of the nearest position at its border. The function is differentiable
    with respect to the grid and the positions. Source: `interpolate_bilinear` of TensorFlow Addons.

    Args:
        grid: Tensor of shape `(batch, height, width, channels)` of a floating-point dtype, with a height and width of
            at least 2. The rank may be unknown.
        query_points: Tensor of shape `(batch, points, 2)` of a floating-point dtype, or `(1, points, 2)` with the same
            positions for all grids.
        indexing: "ij" if positions are rows and columns, "xy" if they are columns and rows.
        name: Name scope of the operations.

    Returns:
        A tensor of shape `(batch, points, channels)` with the dtype of the grid.

    Raises:
        ValueError: If `indexing` is unknown, a shape is invalid (a `tf.errors.InvalidArgumentError`, too), or a dtype
            is not a floating-point dtype (a `TypeError`, too).
        tf.errors.InvalidArgumentError: If a shape that is unknown when the graph is traced turns out to be invalid.

    Example:
        >>> grid = [[[[0.0], [1.0]], [[10.0], [11.0]]]]
        >>> print(interpolate_bilinear(grid, [[[0.5, 0.25]]]).numpy())
        [[[5.25]]]
    """
    check(indexing in INDEXINGS, "indexing", indexing, f"one of {INDEXINGS}")
    with tf.name_scope(name or "interpolate_bilinear"):
        grid, query_points = floats("grid", grid), floats("query_points", query_points)
        for tensor, rank, words in (
            (grid, 4, "Grid must be 4D Tensor"),
            (query_points, 3, "Query points must be 3 dimensional"),
        ):
            if tensor.shape.rank not in (rank, None):
                raise InvalidShapeError(f"{words}, got shape {tensor.shape}.")
        check_sizes(grid.shape)
        if query_points.shape.rank is not None and query_points.shape[2] not in (2, None):
            raise InvalidShapeError(f"Query points last dimension must be 2, got shape {query_points.shape}.")
        one_or_each("query_points", query_points, grid)
        return _interpolated(grid, query_points, indexing)


def check_sizes(grid: tf.TensorShape) -> None:
    """Raise an error if a grid is known to be too small, with the words of TensorFlow Addons."""
    for axis, words in ((1, "Grid height must be at least 2"), (2, "Grid width must be at least 2")):
        if grid.rank is not None and grid[axis] is not None and grid[axis] < 2:
            raise InvalidShapeError(f"{words}, got shape {grid}.")


@traced
def _interpolated(grid: tf.Tensor, query_points: tf.Tensor, indexing: str) -> tf.Tensor:
    grid, query_points = _checked(grid, query_points)
    query_points = tf.broadcast_to(query_points, [tf.shape(grid)[0], tf.shape(query_points)[1], 2])
    positions = tf.reverse(query_points, [2]) if indexing == "ij" else query_points
    return ops.resample(grid, positions, padding_mode="border")


def _checked(grid: tf.Tensor, query_points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the tensors after checks of their shapes at run time, with the words of TensorFlow Addons."""
    grid = ranked(grid, (4,), "Grid must be 4D Tensor")
    query_points = ranked(query_points, (3,), "Query points must be 3 dimensional.")
    size, shape = tf.shape(grid), tf.shape(query_points)
    grid = checked(
        grid,
        tf.debugging.assert_greater_equal(size[1], 2, "Grid height must be at least 2."),
        tf.debugging.assert_greater_equal(size[2], 2, "Grid width must be at least 2."),
    )
    two = tf.debugging.assert_equal(shape[2], 2, "Query points last dimension must be 2.")
    return grid, checked(query_points, two)
