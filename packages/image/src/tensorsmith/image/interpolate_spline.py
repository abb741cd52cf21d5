"""Interpolation by polyharmonic splines."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import floats, scalar

MOST = 100  # far beyond all useful orders, each of which adds an op
SMALLEST = 1e-10  # squared distance, because the derivatives of the root and the logarithm are infinite at 0


def interpolate_spline(
    train_points: TensorLike,
    train_values: TensorLike,
    query_points: TensorLike,
    order: int,
    regularization_weight: Scalar = 0.0,
    name: str = "interpolate_spline",
) -> tf.Tensor:
    """Return the values of a polyharmonic spline through given values.

    The spline with the centers c is

        f(x) = sum_i w_i phi(|x - c_i|) + v . x + b    with phi(r) = r^order (odd) or r^order log(r) (even)

    where the weights w sum to 0 and are orthogonal to the centers, so that the linear part is determined. Order 2 is
    the thin-plate spline. With a regularization weight, which must be positive for the orders 2, 3, 6, 7, ... and
    negative for 1, 4, 5, ..., f does not pass through the given values exactly, but is smoother. The function is
    differentiable with respect to all tensors.

    Sources: Duchon, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces", 1977; `interpolate_spline` of
    TensorFlow Addons.

    Args:
        train_points: Centers, a tensor of shape `(batch, centers, dimensions)`.
        train_values: Values at the centers, a tensor of shape `(batch, centers, channels)`.
        query_points: Positions of the results, a tensor of shape `(batch, points, dimensions)`.
        order: Positive integer, at most 100.
        regularization_weight: Number that is added to the diagonal of the linear system, such as 0.001.
        name: Name scope of the operations.

    Returns:
        A tensor of shape `(batch, points, channels)`.

    Raises:
        ValueError: If `order` is not a positive integer up to 100, a shape or dtype is invalid, or the numbers of
            dimensions and channels are not known statically.
        tf.errors.InvalidArgumentError: If the linear system is singular, for example because centers are equal.

    Example:
        >>> centers, values = [[[0.0], [1.0], [2.0]]], [[[0.0], [1.0], [0.0]]]
        >>> print(interpolate_spline(centers, values, [[[0.5], [1.0]]], order=1).numpy().round(3))
        [[[0.5]
          [1. ]]]
    """
    check(is_integer(order) and 0 < order <= MOST, "order", order, f"a positive integer, at most {MOST}")
    with tf.name_scope(name or "interpolate_spline"):
        given = {"train_points": train_points, "train_values": train_values, "query_points": query_points}
        centers, values, points = (floats(name, each) for name, each in given.items())
        for argument, tensor in {"train_points": centers, "train_values": values}.items():
            known = tensor.shape.rank == 3 and tensor.shape[-1] is not None
            expected = "have three axes, with a statically known size of the last one"
            check(known, argument, Verbatim(f"shape {tensor.shape}"), expected)
        for argument, tensor, shape in (
            ("train_values", values, [*centers.shape[:2], None]),
            ("query_points", points, [None, None, centers.shape[2]]),
        ):
            shape = tf.TensorShape(shape)
            received = Verbatim(f"shape {tensor.shape}")
            check(tensor.shape.is_compatible_with(shape), argument, received, f"have shape {shape}")
            received, expected = Verbatim(tensor.dtype.name), f"of dtype {centers.dtype.name}, as train_points"
            check(tensor.dtype == centers.dtype, argument, received, expected)
        linear = _with_one(centers)
        size = tf.shape(linear)
        matrix = _phi(_squared_distances(centers, centers), order)
        weight = scalar("regularization_weight", regularization_weight, matrix.dtype)
        matrix += weight * tf.eye(size[1], dtype=matrix.dtype)
        # Rows of the linear system: the values at the centers, and the conditions of the weights.
        upper = tf.concat([matrix, linear], axis=2)
        zeros = tf.zeros([size[0], size[2], size[2]], matrix.dtype)
        lower = tf.concat([tf.linalg.matrix_transpose(linear), zeros], axis=2)
        right = tf.pad(values, [(0, 0), (0, size[2]), (0, 0)])
        solution = tf.linalg.solve(tf.concat([upper, lower], axis=1), right)
        weights, slopes = solution[:, : size[1]], solution[:, size[1] :]
        return _phi(_squared_distances(points, centers), order) @ weights + _with_one(points) @ slopes


def _with_one(points: tf.Tensor) -> tf.Tensor:
    return tf.concat([points, tf.ones_like(points[..., :1])], axis=2)


def _squared_distances(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return the squared distances of all pairs of points, of shape `(batch, first points, second points)`."""
    norms = tf.reduce_sum(tf.square(first), 2)[:, :, tf.newaxis] + tf.reduce_sum(tf.square(second), 2)[:, tf.newaxis]
    return norms - 2 * tf.linalg.matmul(first, second, transpose_b=True)


def _phi(squared: tf.Tensor, order: int) -> tf.Tensor:
    """Return phi(r) for squared distances r^2."""
    # Not `tf.pow`, which TensorFlow replaces in graphs by other ops, so that results would differ from eager mode.
    positive = tf.maximum(squared, SMALLEST)
    result, factor = (tf.sqrt(positive), positive) if order % 2 else (tf.math.log(positive) / 2, squared)
    for _ in range(order // 2):
        result *= factor
    return result
