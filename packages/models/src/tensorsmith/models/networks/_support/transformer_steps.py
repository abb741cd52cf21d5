"""Attention of the steps of Transformers, which read tokens with the weights of trained layers."""

import math

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor


def checked_counts(counts: Tensor, tokens: Tensor) -> Tensor:
    """Return the counts of a state, which must have the rows of the tokens.

    Other rows would be read as further steps of the same sequence.

    Args:
        counts: Number of tokens before, of shape `(rows,)`.
        tokens: Tensor of shape `(rows, ...)`.

    Raises:
        ValueError: If the numbers of rows differ.
        tf.errors.InvalidArgumentError: If they differ, and one of them is unknown in a graph.
    """
    counts, tokens = tf.convert_to_tensor(counts), tf.convert_to_tensor(tokens)
    found, expected = counts.shape[0], tokens.shape[0]
    if found is not None and expected is not None:
        check(found == expected, "state", Verbatim(found), f"have {expected} rows, one for each token")
        return counts
    found, expected = tf.shape(counts)[0], tf.shape(tokens)[0]
    message = ["state must have", expected, "rows, one for each token, got", found]
    with tf.control_dependencies([tf.debugging.Assert(found == expected, message)]):
        return tf.identity(counts)


def cached_attention(
    attention: keras.layers.MultiHeadAttention,
    x: Tensor,
    keys: Tensor,
    values: Tensor,
    counts: Tensor,
    lengths: Tensor,
) -> ops.CachedAttention:
    """Return the output of causal attention to the tokens before, and their keys and values with those of the new ones.

    Args:
        attention: Layer of the model.
        x: Normalized features of the new tokens, of shape `(batch * steps, features)`.
        keys: Keys of the tokens before, as for `ops.cached_attention`.
        values: Values of the tokens before.
        counts: Number of tokens before.
        lengths: Number of new tokens, of which the remaining steps are padding.

    Returns:
        A `CachedAttention` tuple whose output has the shape of `x`.
    """
    batch = tf.shape(counts)[0]
    heads = [batch, tf.shape(x)[0] // tf.maximum(batch, 1), attention.num_heads, attention.key_dim]
    query, key, value = (
        tf.reshape(product(x, dense), heads)
        for dense in (attention.query_dense, attention.key_dense, attention.value_dense)
    )
    attended = ops.cached_attention(query, key, value, keys, values, counts, lengths)
    output = product(tf.reshape(attended.output, tf.shape(x)), attention.output_dense)
    return attended._replace(output=output)


def product(x: Tensor, dense: keras.layers.EinsumDense) -> Tensor:
    """Return the output of a projection of attention, without the axis of heads.

    Products of matrices with two axes are faster than those with three.

    Args:
        dense: Layer for the queries, keys, values or outputs of attention.
        x: Inputs of shape `(rows, features)`.
    """
    size = math.prod(dense.bias.shape)
    kernel = tf.reshape(tf.cast(dense.kernel, x.dtype), [-1, size])
    return tf.matmul(x, kernel) + tf.reshape(tf.cast(dense.bias, x.dtype), [size])
