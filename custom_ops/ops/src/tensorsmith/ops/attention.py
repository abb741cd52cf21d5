"""Op for scaled dot-product attention, with memory usage linear in the number of steps."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import as_int32, of_rank, refuse_lengths_beyond
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library


def attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    *,
    scale: float | None = None,
    causal: bool = False,
    lengths: TensorLike | None = None,
    mask: TensorLike | None = None,
    bias: TensorLike | None = None,
    dropout: float = 0.0,
    seed: TensorLike | None = None,
) -> tf.Tensor:
    """Computes exact softmax attention without storing the matrix of attention scores.

    Formula, for each head:

        output = softmax(scale * query keyᵀ + bias) value

    The kernel computes the scores for a block of queries at a time and discards them, in the gradient as well, so that
    no matrix of shape `(steps, keys)` is ever stored. With causal attention, keys above the diagonal are skipped. The
    output of a query without visible keys is zero. Half-precision inputs are accumulated in float32.

    Source: Vaswani et al., "Attention Is All You Need", 2017; Dao et al., "FlashAttention", 2022; grouped heads:
    Ainslie et al., "GQA", 2023.

    Args:
        query: Tensor of shape `(batch, steps, heads, width)` and dtype float32, float16, bfloat16 or float64.
        key: Tensor of shape `(batch, keys, groups, width)`. `groups` must divide `heads`. Each key head is
            shared by `heads / groups` query heads.
        value: Tensor of shape `(batch, keys, groups, value_width)`.
        scale: Scale factor of the dot products. If `None`, `1 / sqrt(width)` is used.
        causal: If `True`, query `i` attends only to the keys `0` to `i`.
        lengths: Integer tensor of shape `(batch,)` with the number of valid keys. The remaining keys are padding and
            are ignored.
        mask: Boolean tensor of rank 4 that can be broadcast to the shape `(batch, heads, steps, keys)`. Queries attend
            only to keys for which the mask is `True`.
        bias: Tensor of rank 4 that can be broadcast to the shape `(batch, heads, steps, keys)`. It is added to the
            attention scores.
        dropout: Fraction of the attention probabilities to drop, in `[0, 1)`. The remaining probabilities are divided
            by `1 - dropout`.
        seed: Tensor of two integers that determines the dropout mask. Required if `dropout` is positive.

    Returns:
        A tensor of shape `(batch, steps, heads, value_width)` and the dtype of `query`.

    Raises:
        ValueError: If ranks, shapes or dtypes do not match, if `dropout` is out of range, or if `dropout` is positive
            and `seed` is `None`.
        tf.errors.InvalidArgumentError: If a length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.reshape(tf.range(6.0), (1, 3, 1, 2))
        >>> print(attention(x, x, x, causal=True)[0, :, 0].numpy().round(3))
        [[0.    1.   ]
         [1.998 2.998]
         [4.    5.   ]]
    """
    query = tf.convert_to_tensor(query)
    key, value = tf.convert_to_tensor(key, query.dtype), tf.convert_to_tensor(value, query.dtype)
    query, key, value = (of_rank(tensor, 4) for tensor in (query, key, value))
    _check_shapes(query, key, value)
    check(0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
    check(dropout == 0 or seed is not None, "seed", seed, "a pair of integers when `dropout` is positive")
    if scale is None:
        width = query.shape[-1]
        check(width is not None, "scale", None, "a number when the width of `query` is unknown")
        scale = 1 / math.sqrt(max(width, 1))
    inner = tf.float64 if query.dtype == tf.float64 else tf.float32
    nothing = [0]
    options: list[Any] = [
        tf.zeros(nothing, tf.int32) if lengths is None else of_rank(as_int32(lengths, "lengths"), 1),
        tf.zeros(nothing, tf.bool) if mask is None else of_rank(tf.cast(mask, tf.bool), 4),
        tf.zeros(nothing, inner) if bias is None else of_rank(tf.cast(bias, inner), 4),
        tf.zeros([2], tf.int64) if seed is None else tf.cast(seed, tf.int64),
    ]
    _check_options(query, key, lengths, mask, bias, options)
    if compiled(query, key, value, types=FLOATS):
        output, _ = library().ops.tensorsmith_attention(
            query, key, value, *options, scale=scale, causal=causal, dropout=dropout
        )
        return output
    if lengths is not None:
        refuse_lengths_beyond(tf.shape(key)[1], options[0])
    return _reference(query, key, value, *options, scale=scale, causal=causal, dropout=dropout)


def _check_shapes(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> None:
    check(query.dtype.is_floating, "query", query.dtype.name, "have a floating-point dtype")
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check(tensor.shape.rank == 4, name, Verbatim(tensor.shape), "have shape (batch, steps, heads, width)")
    batch, _, heads, width = query.shape
    fits = key.shape.is_compatible_with([batch, None, None, width])
    check(fits, "key", Verbatim(key.shape), f"have the batch size ({batch}) and the width ({width}) of `query`")
    fits = value.shape.is_compatible_with([*key.shape[:3], None])
    check(fits, "value", Verbatim(value.shape), f"match the shape {key.shape} of `key` except for the width")
    groups = key.shape[2]
    fits = None in (groups, heads) or (heads % groups == 0 if groups else heads == 0)
    check(fits, "key", Verbatim(key.shape), f"have a number of heads that divides the {heads} heads of `query`")


def _check_options(
    query: tf.Tensor,
    key: tf.Tensor,
    lengths: TensorLike | None,
    mask: TensorLike | None,
    bias: TensorLike | None,
    options: Sequence[tf.Tensor],
) -> None:
    if lengths is not None:
        fits = options[0].shape.is_compatible_with(query.shape[:1])
        check(fits, "lengths", Verbatim(options[0].shape), "have shape (batch,)")
    check(options[3].shape.is_compatible_with([2]), "seed", Verbatim(options[3].shape), "have shape (2,)")
    full = [query.shape[0], query.shape[2], query.shape[1], key.shape[1]]
    for name, given, tensor in (("mask", mask, options[1]), ("bias", bias, options[2])):
        if given is None:
            continue
        fits = tensor.shape.rank == 4 and all(
            None in (size, wanted) or size in (1, wanted) for size, wanted in zip(tensor.shape, full, strict=True)
        )
        check(
            fits,
            name,
            Verbatim(tensor.shape),
            f"have shape (batch, heads, steps, keys) = {tuple(full)}, or size 1 along shared axes",
        )


def _reference(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    lengths: tf.Tensor,
    mask: tf.Tensor,
    bias: tf.Tensor,
    seed: tf.Tensor,
    *,
    scale: float,
    causal: bool,
    dropout: float,
) -> tf.Tensor:
    """Reference implementation of attention in TensorFlow. It stores the full matrix of attention scores."""
    q, k, v = (tf.cast(tensor, bias.dtype) for tensor in (query, key, value))
    batch, steps, heads, width = tf.unstack(tf.shape(q))
    keys, groups, value_width = tf.shape(k)[1], tf.shape(k)[2], tf.shape(v)[3]
    # Scores. Query heads of one group share a key head.
    q = tf.reshape(q, [batch, steps, groups, heads // tf.maximum(groups, 1), width])
    scores = tf.reshape(tf.einsum("btgrd,bsgd->bgrts", q, k), [batch, heads, steps, keys]) * scale
    if bias.shape.rank != 1:
        scores += bias
    # Visible keys.
    seen = tf.ones([batch, 1, 1, keys], tf.bool)
    if lengths.shape != [0]:
        seen &= (tf.range(keys) < lengths[:, tf.newaxis])[:, tf.newaxis, tf.newaxis]
    if mask.shape.rank != 1:
        seen &= mask
    if causal:
        seen &= tf.range(keys) <= tf.range(steps)[:, tf.newaxis]
    scores = tf.where(seen, scores, tf.constant(-math.inf, scores.dtype))
    # Softmax, shifted by the maximum. Rows without visible keys have a maximum of -inf and become zero.
    highest = tf.stop_gradient(tf.reduce_max(scores, axis=-1, keepdims=True))
    shares = tf.where(seen, tf.exp(scores - tf.where(tf.math.is_finite(highest), highest, 0)), 0)
    shares = tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=-1, keepdims=True))
    if dropout > 0:
        shares *= _kept(tf.shape(shares), seed, dropout, shares.dtype)
    shares = tf.reshape(shares, [batch, groups, heads // tf.maximum(groups, 1), steps, keys])
    output = tf.reshape(tf.einsum("bgrts,bsgd->btgrd", shares, v), [batch, steps, heads, value_width])
    output.set_shape([*query.shape[:3], value.shape[3]])
    return tf.cast(output, query.dtype)


def _kept(shape: tf.Tensor, seed: tf.Tensor, dropout: float, dtype: tf.DType) -> tf.Tensor:
    """Returns a tensor of dropout factors, 0 or 1 / (1 - rate), equal to the factors in the compiled kernel."""
    first, second = tf.unstack(tf.cast(tf.bitwise.bitwise_and(seed, 0xFFFFFFFF), tf.uint32))
    rows = tf.cast(tf.reshape(tf.range(tf.reduce_prod(shape[:3])), shape[:3]), tf.uint32)
    columns = tf.cast(tf.range(shape[3]), tf.uint32)
    start = _mix(tf.bitwise.bitwise_xor(rows, first)) + second
    draws = _mix(start[..., tf.newaxis] + columns * tf.constant(0x9E3779B9, tf.uint32))
    kept = draws >= tf.constant(int(float(np.float32(dropout)) * 2**32), tf.uint32)
    return tf.cast(kept, dtype) / (1 - dropout)


def _mix(x: tf.Tensor) -> tf.Tensor:
    """Applies lowbias32, a mixing function of 32-bit integers (Wellons, 2018)."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))
        x *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(16, tf.uint32)))


def _options(op: tf.Operation) -> dict[str, Any]:
    return {name: op.get_attr(name) for name in ("scale", "causal", "dropout")}


@tf.RegisterGradient("TensorsmithAttention")
def _gradient(op: tf.Operation, doutput: tf.Tensor, *unused: tf.Tensor) -> list[tf.Tensor | None]:
    dquery, dkey, dvalue, dbias = library().ops.tensorsmith_attention_grad(
        doutput, *op.inputs, op.outputs[1], **_options(op)
    )
    return [dquery, dkey, dvalue, None, None, dbias, None]


@tf.RegisterGradient("TensorsmithAttentionGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    doutput, query, key, value, lengths, mask, bias, seed, _ = op.inputs

    def gradient(doutput: tf.Tensor, *tensors: tf.Tensor) -> list[tf.Tensor]:
        return vjp(output, tensors, doutput)

    def output(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        return _reference(query, key, value, lengths, mask, bias, seed, **_options(op))

    ddoutput, dquery, dkey, dvalue, dbias = vjp(gradient, [doutput, query, key, value, bias], list(upstream))
    return [ddoutput, dquery, dkey, dvalue, None, None, dbias, None, None]
