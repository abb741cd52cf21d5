"""Op for weighted sums or means of embeddings."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import as_int32
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def embedding_bag(
    indices: TensorLike, params: TensorLike, weights: TensorLike | None = None, combiner: str = "sum"
) -> tf.Tensor:
    """Computes sums or means of embeddings, fusing the embedding lookup with the reduction.

    Rows are not copied, so that a bag requires the memory of one row. The gradient of the table is sparse
    (`tf.IndexedSlices`), like the gradient of `tf.gather`. Arguments and results are those of TensorFlow Addons.

    Args:
        indices: Integer tensor of shape `(..., size)`. The last axis contains the indices of the embeddings in a bag.
        params: Embedding matrix, a floating-point tensor of shape `(rows, width)`. For half-precision inputs, the
            computation uses float32.
        weights: Tensor of weights, one for each embedding, with the shape of `indices`. If `None`, all weights are 1.
        combiner: Reduction of the embeddings in a bag: `"sum"` or `"mean"`. Weights are not supported with `"mean"`.

    Returns:
        A tensor of shape `(..., width)` and the dtype of `params`.

    Raises:
        ValueError: If `combiner` is unknown, if `combiner` is `"mean"` and `weights` are given, or if shapes do not
            match.
        tf.errors.InvalidArgumentError: If an index is out of range.

    Example:
        >>> table = [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]
        >>> print(embedding_bag([[0, 2], [1, 1]], table).numpy())
        [[101. 202.]
         [ 20.  40.]]
    """
    check(combiner in ("sum", "mean"), "combiner", combiner, "'sum' or 'mean'")
    check(weights is None or combiner == "sum", "combiner", combiner, "'sum' when `weights` are passed")
    indices, params = as_int32(indices, "indices"), tf.convert_to_tensor(params)
    check(params.dtype.is_floating, "params", params.dtype.name, "have a floating-point dtype")
    check(params.shape.rank == 2, "params", Verbatim(params.shape), "have shape (rows, width)")
    check(indices.shape.rank != 0, "indices", Verbatim("a scalar"), "have shape (..., size)")
    wide = tf.float32 if params.dtype.size < 4 else params.dtype
    table, size = tf.cast(params, wide), tf.shape(indices)[-1]
    flat = tf.reshape(indices, [tf.reduce_prod(tf.shape(indices)[:-1]), size])
    factors = None
    if weights is not None:
        given = tf.convert_to_tensor(weights)
        fits = given.shape.is_compatible_with(indices.shape)
        check(fits, "weights", Verbatim(given.shape), f"have shape {indices.shape} to match `indices`")
        factors = tf.reshape(tf.cast(given, wide), tf.shape(flat))
    y = _compiled(flat, table, factors) if compiled(table) else _reference(flat, table, factors)
    if combiner == "mean":
        y = tf.math.divide_no_nan(y, tf.cast(size, wide))
    y = tf.reshape(tf.cast(y, params.dtype), tf.concat([tf.shape(indices)[:-1], tf.shape(params)[1:]], axis=0))
    if indices.shape.rank is not None:
        y.set_shape([*indices.shape[:-1], params.shape[1]])
    return y


def _compiled(indices: tf.Tensor, table: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    return library().ops.tensorsmith_embedding_bag(indices, table, tf.zeros([0]) if weights is None else weights)


def _reference(indices: tf.Tensor, table: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Reference implementation of embedding bags in TensorFlow."""
    rows = tf.gather(table, indices)
    return tf.reduce_sum(rows if weights is None else rows * weights[..., tf.newaxis], axis=1)


@tf.RegisterGradient("TensorsmithEmbeddingBag")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> list[Any]:
    indices, table, weights = op.inputs
    count, size = tf.unstack(tf.shape(indices))
    dweights = tf.zeros_like(weights)
    rows = dy[:, tf.newaxis]
    if weights.shape.rank == 2:
        rows *= weights[..., tf.newaxis]
        dweights = library().ops.tensorsmith_embedding_bag_grad(dy, indices, table)
    else:
        rows = tf.tile(rows, [1, size, 1])
    rows = tf.reshape(rows, [count * size, tf.shape(table)[1]])
    return [None, tf.IndexedSlices(rows, tf.reshape(indices, [count * size]), tf.shape(table)), dweights]


@tf.RegisterGradient("TensorsmithEmbeddingBagGrad")
def _second_gradient(op: tf.Operation, upstream: tf.Tensor) -> list[tf.Tensor | None]:
    def gradient(dy: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.gather(table, op.inputs[1]) * dy[:, tf.newaxis], axis=-1)

    ddy, dtable = vjp(gradient, [op.inputs[0], op.inputs[2]], upstream)
    return [ddy, None, tf.convert_to_tensor(dtable)]
