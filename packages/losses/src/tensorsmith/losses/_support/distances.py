"""Pairwise distances between the embeddings of a batch."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise

Metric = str | Callable[[Tensor], Tensor]


def distance_matrix(embeddings: TensorLike, metric: Metric = "L2", name: str = "y_pred") -> Tensor:
    """Return the matrix of distances between embeddings. Its gradient is finite where two embeddings are equal.

    Args:
        embeddings: Tensor of embeddings, of shape `(batch, features)`. For half-precision inputs, the computation uses
            `float32`.
        metric: Distance metric: `"L2"`, `"squared-L2"`, `"angular"` (1 - cosine similarity), or a function that maps
            embeddings to the distance matrix.
        name: Name of the argument with the embeddings, for error messages.
    """
    (embeddings,) = precise(embeddings)
    check(len(embeddings.shape) == 2, name, tuple(embeddings.shape), "have shape (batch, features)")
    return metric(embeddings) if callable(metric) else METRICS[metric][0](embeddings)


def distances_to(positions: Tensor, embeddings: TensorLike, metric: Metric) -> Tensor:
    """Return the distance from each embedding to one other embedding, without the full matrix if possible.

    Args:
        positions: Integer tensor of shape `(batch,)` with the column index in each row of the distance matrix.
        embeddings: Tensor of embeddings, of shape `(batch, features)`.
        metric: Distance metric: a name or a function, as in `distance_matrix`.
    """
    (embeddings,) = precise(embeddings)
    if callable(metric):
        # A custom function can only compute the full matrix, (batch, batch).
        return ops.take_along_axis(metric(embeddings), positions[:, None], axis=1)[:, 0]
    # Built-in metrics need only the selected rows: (batch, features) instead of (batch, batch).
    return METRICS[metric][1](embeddings, ops.take(embeddings, positions, axis=0))


def metric_from(given: Any) -> Metric:
    """Return the distance metric specified by an argument or a config, or raise an error if it is invalid."""
    metric = keras.saving.deserialize_keras_object(given) if isinstance(given, dict) else given
    fits = callable(metric) or (isinstance(metric, str) and metric in METRICS)
    remedy = did_you_mean(metric, METRICS) if isinstance(metric, str) and not fits else ""
    check(fits, "distance_metric", given, f"one of {list(METRICS)}, or a function of embeddings", remedy)
    return metric


def metric_config(metric: Metric) -> str | dict[str, Any]:
    """Return the distance metric in serialized form. Functions must be registered with Keras to be restored."""
    return keras.saving.serialize_keras_object(metric) if callable(metric) else metric


def _squared(x: Tensor) -> Tensor:
    # Distances are invariant to translation, and centered embeddings lose less precision in the difference of squares.
    # Not -=, which would try to modify a variable.
    x = x - ops.stop_gradient(ops.mean(x, axis=0, keepdims=True))
    norms = ops.sum(ops.square(x), axis=1, keepdims=True)  # (batch, 1)
    positions = ops.arange(ops.shape(x)[0])
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, with rounding errors below 0 and on the diagonal removed.
    squares = norms + ops.transpose(norms) - 2 * ops.matmul(x, ops.transpose(x))
    return ops.where(ops.logical_and(squares > 0, positions[:, None] != positions), squares, 0)


def _root(squares: Tensor) -> Tensor:
    apart = squares > 0
    # The gradient of the square root is infinite at 0.
    return ops.where(apart, ops.sqrt(ops.where(apart, squares, 1)), 0)


def _squared_to(x: Tensor, y: Tensor) -> Tensor:
    # Differences of rows need no expansion and keep their precision for close embeddings.
    return ops.sum(ops.square(x - y), axis=1)


def _unit(x: Tensor) -> Tensor:
    # The lower bound gives a finite gradient for embeddings of zeros.
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=1, keepdims=True), 1e-12))


def _angular(x: Tensor) -> Tensor:
    x = _unit(x)
    # Rounding can make the cosine of parallel embeddings slightly greater than 1.
    return ops.maximum(1 - ops.matmul(x, ops.transpose(x)), 0)


def _angular_to(x: Tensor, y: Tensor) -> Tensor:
    return ops.maximum(1 - ops.sum(_unit(x) * _unit(y), axis=1), 0)


# For each metric, a function for the full matrix and one for the distances between the rows of two matrices.
METRICS = {
    "L2": (lambda x: _root(_squared(x)), lambda x, y: _root(_squared_to(x, y))),
    "squared-L2": (_squared, _squared_to),
    "angular": (_angular, _angular_to),
}
