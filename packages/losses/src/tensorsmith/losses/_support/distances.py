"""Distances between all embeddings of a batch."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise

Metric = str | Callable[[Tensor], Tensor]


def pairwise_distances(embeddings: TensorLike, metric: Metric = "L2") -> Tensor:
    """Matrix of the distances between embeddings, whose gradient is finite where two are equal.

    Args:
        embeddings: `(batch, features)`; half types are computed in float32.
        metric: "L2", "squared-L2", "angular" (1 - cosine), or a function of the embeddings that returns the matrix.
    """
    (embeddings,) = precise(embeddings)
    check(len(embeddings.shape) == 2, "y_pred", tuple(embeddings.shape), "embeddings, (batch, features)")
    return metric(embeddings) if callable(metric) else METRICS[metric][0](embeddings)


def distances_to(places: Tensor, embeddings: TensorLike, metric: Metric) -> Tensor:
    """One distance of each row of the matrix, without a gradient of the size of the matrix where that can be.

    Args:
        places: Which, `(batch,)`.
        embeddings: As above.
        metric: As above.
    """
    (embeddings,) = precise(embeddings)
    if callable(metric):
        return ops.take_along_axis(metric(embeddings), places[:, None], axis=1)[:, 0]
    return METRICS[metric][1](embeddings, ops.take(embeddings, places, axis=0))


def metric_from(given: Any) -> Metric:
    """The metric that an argument or a config tells of, checked."""
    metric = keras.saving.deserialize_keras_object(given) if isinstance(given, dict) else given
    fits = callable(metric) or (isinstance(metric, str) and metric in METRICS)
    remedy = did_you_mean(metric, METRICS) if isinstance(metric, str) and not fits else ""
    check(fits, "distance_metric", given, f"one of {list(METRICS)}, or a function of embeddings", remedy)
    return metric


def metric_config(metric: Metric) -> str | dict[str, Any]:
    """The metric as a config holds it; a function must be registered with Keras to come back."""
    return keras.saving.serialize_keras_object(metric) if callable(metric) else metric


def _squared(x: Tensor) -> Tensor:
    # Distances stay when all move, and small numbers lose less in the difference of their squares. Not -=, which would
    # ask a variable to change.
    x = x - ops.stop_gradient(ops.mean(x, axis=0, keepdims=True))
    norms = ops.sum(ops.square(x), axis=1, keepdims=True)
    places = ops.arange(ops.shape(x)[0])
    squares = norms + ops.transpose(norms) - 2 * ops.matmul(x, ops.transpose(x))
    return ops.where(ops.logical_and(squares > 0, places[:, None] != places), squares, 0)


def _root(squares: Tensor) -> Tensor:
    apart = squares > 0
    # Not the root of 0, whose slope is infinite.
    return ops.where(apart, ops.sqrt(ops.where(apart, squares, 1)), 0)


def _squared_to(x: Tensor, y: Tensor) -> Tensor:
    return ops.sum(ops.square(x - y), axis=1)


def _unit(x: Tensor) -> Tensor:
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=1, keepdims=True), 1e-12))


def _angular(x: Tensor) -> Tensor:
    x = _unit(x)
    return ops.maximum(1 - ops.matmul(x, ops.transpose(x)), 0)


def _angular_to(x: Tensor, y: Tensor) -> Tensor:
    return ops.maximum(1 - ops.sum(_unit(x) * _unit(y), axis=1), 0)


# Each as the matrix of all, and as the vector of those between the rows of two matrices.
METRICS = {
    "L2": (lambda x: _root(_squared(x)), lambda x, y: _root(_squared_to(x, y))),
    "squared-L2": (_squared, _squared_to),
    "angular": (_angular, _angular_to),
}
