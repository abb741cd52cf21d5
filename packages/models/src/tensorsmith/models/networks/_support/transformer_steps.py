"""Attention of the steps of Transformers, which read tokens with the weights of trained layers."""

import math

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.types import Tensor


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
