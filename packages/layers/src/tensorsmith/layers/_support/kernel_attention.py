"""Attention of `keras.layers.MultiHeadAttention`, computed by the compiled kernel."""

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.keras_internals import attention_dropout, original_compute_attention
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.attention_masks import checked_attention_mask, hidden_queries, joined_masks


def attend(
    layer: keras.layers.MultiHeadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None,
    query_mask: Tensor | None = None,
    causal: bool = False,
    training: bool | None = None,
) -> tf.Tensor:
    """Returns the outputs of the attention heads.

    Args:
        layer: Layer that specifies the dropout rate and its seed.
        query: Projected queries, of shape `(batch, steps, heads, width)`.
        key: Projected keys, of shape `(batch, keys, heads, width)`.
        value: Projected values, of shape `(batch, keys, heads, value_width)`.
        mask: Result of `joined_masks`.
        query_mask: Boolean tensor of shape `(batch, steps)` that is `False` for queries that are padding, or `None`.
        causal: If `True`, a query only attends to keys up to its own position.
        training: If `True`, apply dropout.
    """
    dropout = layer.dropout if training else 0.0
    seed = attention_dropout(layer).seed_generator.next() if dropout else None
    output = ops.attention(query, key, value, causal=causal, mask=mask, dropout=dropout, seed=seed)
    if mask is None and query_mask is None:
        return output
    hidden = hidden_queries(mask, query_mask, causal, tf.shape(query)[1])[..., tf.newaxis]
    # In a graph, a Python 0 would become an integer tensor.
    instead = tf.zeros((), output.dtype) if layer.dropout else tf.reduce_mean(value, axis=1, keepdims=True)
    return tf.where(hidden, instead, output)


def compute_attention(
    layer: keras.layers.MultiHeadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    training: bool | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Replacement of the method of `keras.layers.MultiHeadAttention` that computes attention, for its subclasses."""
    if return_attention_scores or len(query.shape) != 4 or not ops.active():
        # Keras 3.12 has no argument `use_causal_mask`, and does not pass it.
        causal = {"use_causal_mask": True} if use_causal_mask else {}
        return original_compute_attention(layer)(
            query, key, value, attention_mask, training, return_attention_scores, **causal
        )
    mask = joined_masks([], checked_attention_mask(attention_mask, query.shape[2], query, key))
    return attend(layer, query, key, value, mask=mask, causal=bool(use_causal_mask), training=training), None
