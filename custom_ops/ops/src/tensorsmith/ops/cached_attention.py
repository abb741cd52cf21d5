"""Op for the attention of the next tokens of sequences to all tokens before, whose keys and values are stored."""

import math
from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import as_int32, of_rank
from tensorsmith.ops.attention import attention
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library


class CachedAttention(NamedTuple):
    """Result of `cached_attention`.

    Attributes:
        output: Tensor of shape `(batch, steps, heads, value_width)`.
        keys: Keys of all tokens, of shape `(batch, heads, width, capacity)`.
        values: Values of all tokens, of shape `(batch, heads, value_width, capacity)`.
    """

    output: tf.Tensor
    keys: tf.Tensor
    values: tf.Tensor


def cached_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    keys: TensorLike,
    values: TensorLike,
    counts: TensorLike,
    lengths: TensorLike,
    *,
    scale: float | None = None,
) -> CachedAttention:
    """Computes causal attention of the next tokens of sequences, and adds their keys and values to a cache.

    Each token attends to itself and to all tokens of its sequence before it. The kernel writes into the cache in place
    if nothing else refers to it, as in a `tf.while_loop` that generates tokens, and copies it otherwise. The entries of
    the cache after the last token are arbitrary finite numbers, such as 0.

    Args:
        query: Tensor of shape `(batch, steps, heads, width)` and dtype float32, float16, bfloat16 or float64.
        key: Tensor of the same shape.
        value: Tensor of shape `(batch, steps, heads, value_width)`.
        keys: Keys of the tokens before, of shape `(batch, heads, width, capacity)`.
        values: Values of the tokens before, of shape `(batch, heads, value_width, capacity)`.
        counts: Integer tensor of shape `(batch,)` with the number of tokens in the cache.
        lengths: Integer tensor of shape `(batch,)` with the number of tokens of each sequence, at most `steps`. The
            remaining ones are padding: they are not stored, and their output is 0.
        scale: Scale factor of the dot products. If `None`, `1 / sqrt(width)` is used.

    Returns:
        A `CachedAttention` tuple.

    Raises:
        ValueError: If ranks, shapes or dtypes do not match.
        tf.errors.InvalidArgumentError: If the cache is full, or a count or length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> cache = tf.zeros((1, 1, 2, 4))  # of up to 4 tokens with one head of width 2
        >>> first, second = tf.constant([[[[1.0, 0.0]]]]), tf.constant([[[[0.0, 1.0]]]])
        >>> _, keys, values = cached_attention(first, first, first, cache, cache, [0], [1])
        >>> output, keys, values = cached_attention(second, second, second, keys, values, [1], [1])
        >>> print(output.numpy().ravel().round(3))
        [0.33 0.67]
    """
    query = of_rank(tf.convert_to_tensor(query), 4)
    key, value, keys, values = (
        of_rank(tf.convert_to_tensor(tensor, query.dtype), 4) for tensor in (key, value, keys, values)
    )
    counts, lengths = (
        of_rank(as_int32(tensor, name), 1) for name, tensor in (("counts", counts), ("lengths", lengths))
    )
    _check_shapes(query, key, value, keys, values)
    for name, tensor in (("counts", counts), ("lengths", lengths)):
        check(tensor.shape.is_compatible_with(query.shape[:1]), name, Verbatim(tensor.shape), "have shape (batch,)")
    if scale is None:
        width = query.shape[-1]
        check(width is not None, "scale", None, "a number when the width of `query` is unknown")
        scale = 1 / math.sqrt(max(width, 1))
    arguments = query, key, value, keys, values, counts, lengths
    if compiled(query, key, value, keys, values, types=FLOATS):
        return CachedAttention(*library().ops.tensorsmith_cached_attention(*arguments, scale=scale))
    return CachedAttention(*_reference(*arguments, scale=scale))


def _check_shapes(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> None:
    check(query.dtype.is_floating, "query", query.dtype.name, "have a floating-point dtype")
    check(query.shape.rank == 4, "query", Verbatim(query.shape), "have shape (batch, steps, heads, width)")
    fits = key.shape.is_compatible_with(query.shape)
    check(fits, "key", Verbatim(key.shape), f"have the shape {query.shape} of `query`")
    fits = value.shape.is_compatible_with([*query.shape[:3], None])
    check(fits, "value", Verbatim(value.shape), f"match the shape {query.shape} of `query` except for the width")
    batch, _, heads, width = query.shape
    capacity = keys.shape[3] if keys.shape.rank == 4 else None
    fits = keys.shape.is_compatible_with([batch, heads, width, None])
    check(fits, "keys", Verbatim(keys.shape), f"have shape (batch, heads, width, capacity) for `key` of {key.shape}")
    fits = values.shape.is_compatible_with([batch, heads, value.shape[3], capacity])
    check(fits, "values", Verbatim(values.shape), "have shape (batch, heads, width, capacity) for `keys` and `value`")


def _reference(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    counts: tf.Tensor,
    lengths: tf.Tensor,
    *,
    scale: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reference implementation in TensorFlow, which copies the cache."""
    steps, capacity = tf.range(tf.shape(query)[1]), tf.shape(keys)[3]
    problems = [
        tf.debugging.assert_non_negative(counts, "counts must be >= 0"),
        tf.debugging.assert_non_negative(lengths, "lengths must be >= 0"),
        tf.debugging.assert_less_equal(lengths, tf.size(steps), "lengths must be <= the number of steps"),
        tf.debugging.assert_less_equal(counts + lengths, capacity, "The cache is full"),
    ]
    with tf.control_dependencies([problem for problem in problems if problem is not None]):
        positions = counts[:, tf.newaxis] + steps
    valid = steps < lengths[:, tf.newaxis]
    indices = tf.where(valid)
    targets = tf.stack([tf.cast(indices[:, 0], tf.int32), tf.gather_nd(positions, indices)], axis=1)

    def stored(cache: tf.Tensor, new: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the keys or values of all tokens in the layout of `attention`, and in that of the cache."""
        by_token = tf.transpose(cache, [0, 3, 1, 2])
        by_token = tf.tensor_scatter_nd_update(by_token, targets, tf.gather_nd(new, indices))
        return by_token, tf.transpose(by_token, [0, 2, 3, 1])

    (all_keys, keys), (all_values, values) = stored(keys, key), stored(values, value)
    mask = (tf.range(capacity) <= positions[..., tf.newaxis]) & valid[..., tf.newaxis]
    output = attention(query, all_keys, all_values, scale=scale, mask=mask[:, tf.newaxis])
    return output, keys, values


@tf.RegisterGradient("TensorsmithCachedAttention")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    *floats, counts, lengths = op.inputs

    def reference(*inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        query, key, value, keys, values = inputs
        return _reference(query, key, value, keys, values, counts, lengths, scale=op.get_attr("scale"))

    return [*vjp(reference, floats, list(upstream)), None, None]
