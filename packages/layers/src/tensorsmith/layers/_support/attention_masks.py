"""Masks and batch sizes of attention layers."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Tensor


def joined_masks(key_masks: Sequence[Any], attention_mask: Tensor | None) -> tf.Tensor | None:
    """Returns the logical conjunction of all masks, or `None` if there are no masks.

    The result has the shape `(batch, heads, steps, keys)`, with size 1 along axes over which the mask is shared.

    Args:
        key_masks: List whose entries are boolean tensors of shape `(batch, keys)` or `None`.
        attention_mask: Tensor of shape `(steps, keys)`, `(batch, steps, keys)` or `(batch, heads, steps, keys)`, or
            `None`.
    """
    # (batch, keys) becomes (batch, 1, 1, keys): all heads and queries see the same keys.
    masks = [tf.cast(mask, tf.bool)[:, tf.newaxis, tf.newaxis] for mask in key_masks if mask is not None]
    if attention_mask is not None:
        mask = tf.cast(attention_mask, tf.bool)
        for _ in range(3 - mask.shape.rank):
            mask = mask[tf.newaxis]
        # (batch, steps, keys) becomes (batch, 1, steps, keys).
        masks.append(mask if mask.shape.rank == 4 else mask[:, tf.newaxis])
    return functools.reduce(tf.logical_and, masks) if masks else None


def hidden_queries(mask: tf.Tensor | None, query_mask: Tensor | None, causal: bool, steps: tf.Tensor) -> tf.Tensor:
    """Returns a boolean tensor that is `True` for queries that may not attend to any key.

    The result has the shape `(batch, steps, heads)`, with size 1 along axes over which it is shared.

    Args:
        mask: Result of `joined_masks`.
        query_mask: Boolean tensor of shape `(batch, steps)` that is `False` for queries that are padding, or `None`.
        causal: If `True`, a query only attends to keys up to its own position.
        steps: Number of queries.
    """
    hidden = tf.zeros([1, 1, 1], tf.bool)
    if query_mask is not None:
        hidden |= ~tf.cast(query_mask, tf.bool)[..., tf.newaxis]
    if mask is None:
        return hidden
    keys = tf.shape(mask)[-1]
    if not causal:
        seen = tf.reduce_any(mask, axis=-1)
    elif mask.shape[2] == 1:
        # All queries share the mask: count the visible keys up to each position, without a (steps, keys) matrix.
        counts = tf.cumsum(tf.cast(mask[:, :, 0], tf.int32), axis=-1)
        seen = tf.gather(counts, tf.minimum(tf.range(steps), keys - 1), axis=-1) > 0
    else:
        seen = tf.reduce_any(mask & (tf.range(keys) <= tf.range(steps)[:, tf.newaxis]), axis=-1)
    return hidden | ~tf.transpose(seen, [0, 2, 1])


def same_batch_size(*inputs: Tensor) -> bool:
    """Returns `True` unless the static batch sizes differ, for example for learned queries of batch size 1."""
    return len({tensor.shape[0] for tensor in inputs}) == 1
