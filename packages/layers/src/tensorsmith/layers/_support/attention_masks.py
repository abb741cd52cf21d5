"""Masks and batch sizes of attention layers."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor


def checked_attention_mask(mask: Any, heads: int, query: Tensor, key: Tensor) -> tf.Tensor | None:
    """Returns the argument `attention_mask` of `MultiHeadAttention` as a boolean tensor, or `None`.

    Args:
        mask: Tensor of shape `(steps, keys)`, `(batch, steps, keys)` or `(batch, heads, steps, keys)`, or `None`.
        heads: Number of attention heads.
        query: Tensor of shape `(batch, steps, ...)`.
        key: Tensor of shape `(batch, keys, ...)`.

    Raises:
        ValueError: If the mask has another shape, or contains strings.
    """
    if mask is None:
        return None
    mask = tf.convert_to_tensor(mask)
    check(mask.dtype != tf.string, "attention_mask", Verbatim(mask.dtype.name), "have a boolean or numeric dtype")
    # A batch size of 1, such as that of learned queries, is broadcast.
    batch = query.shape[0] if query.shape[0] == key.shape[0] else None
    sizes = {"batch": batch, "heads": heads, "steps": query.shape[1], "keys": key.shape[1]}
    rank, received = mask.shape.rank, Verbatim(mask.shape)
    axes = [size for name, size in sizes.items() if rank == 4 or name != "heads"]
    valid = rank in (2, 3, 4) and all(
        found in (None, 1, size) or size is None for found, size in zip(mask.shape[::-1], axes[::-1], strict=False)
    )
    known = ", ".join(f"{name} = {size}" for name, size in sizes.items() if size is not None)
    expected = "have shape (steps, keys), (batch, steps, keys) or (batch, heads, steps, keys)"
    check(valid, "attention_mask", received, expected, f"the sizes are {known}, and an axis of size 1 is broadcast")
    return tf.cast(mask, tf.bool)


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
