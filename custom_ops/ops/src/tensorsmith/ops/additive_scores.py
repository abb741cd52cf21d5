"""Op for the scores of additive attention."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def additive_scores(query: TensorLike, keys: TensorLike, scale: TensorLike) -> tf.Tensor:
    """Computes the scores of additive attention for all pairs of a query and a key.

    Formula:

        score = sum(scale * tanh(query + key))

    The kernel does not store the hidden layer, a tensor of shape `(batch, steps, positions, units)`. Source: Bahdanau
    et al., "Neural Machine Translation by Jointly Learning to Align and Translate", 2015.

    Args:
        query: Queries, a floating-point tensor of shape `(batch, steps, units)`. The compiled kernel supports float32.
        keys: Keys, a tensor of shape `(batch, positions, units)` and the same dtype.
        scale: Weights of the units, a tensor of shape `(units,)` and the same dtype.

    Returns:
        A tensor of shape `(batch, steps, positions)` and the dtype of `query`.

    Raises:
        ValueError: If dtypes differ or shapes do not match.

    Example:
        >>> import tensorflow as tf
        >>> scores = additive_scores(tf.zeros([1, 1, 2]), [[[0.0, 0.0], [1.0, -1.0]]], [1.0, -1.0])
        >>> print(scores.numpy().round(4))  # 2 tanh(1)
        [[[0.     1.5232]]]
    """
    query = tf.convert_to_tensor(query)
    check(query.dtype.is_floating, "query", query.dtype.name, "have a floating-point dtype")
    check(query.shape.rank in (3, None), "query", Verbatim(query.shape), "have shape (batch, steps, units)")
    batch, _, units = query.shape if query.shape.rank else (None, None, None)
    keys, scale = tf.convert_to_tensor(keys, query.dtype), tf.convert_to_tensor(scale, query.dtype)
    for name, value, shape in (("keys", keys, (batch, None, units)), ("scale", scale, (units,))):
        fits = value.shape.is_compatible_with(shape)
        check(fits, name, Verbatim(value.shape), f"have shape {tf.TensorShape(shape)} to match `query`")
    if compiled(query, keys, scale):
        return library().ops.tensorsmith_additive_scores(query=query, keys=keys, scale=scale)
    return _reference(query, keys, scale)


def _reference(query: tf.Tensor, keys: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Reference implementation in TensorFlow."""
    return tf.reduce_sum(scale * tf.tanh(query[:, :, tf.newaxis] + keys[:, tf.newaxis]), axis=-1)


@tf.RegisterGradient("TensorsmithAdditiveScores")
def _gradient(op: tf.Operation, dscores: tf.Tensor) -> list[tf.Tensor]:
    query, keys, scale = op.inputs
    return list(library().ops.tensorsmith_additive_scores_grad(dscores=dscores, query=query, keys=keys, scale=scale))


@tf.RegisterGradient("TensorsmithAdditiveScoresGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    def gradient(dscores: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
        return vjp(_reference, inputs, dscores)

    return vjp(gradient, list(op.inputs), list(upstream))
