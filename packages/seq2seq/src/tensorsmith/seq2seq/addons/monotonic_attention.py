"""Attention weights that move over the memory in one direction only."""

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.precision import in_single_precision
from tensorsmith.seq2seq.addons.safe_cumprod import safe_cumprod

MODES = ("recursive", "parallel", "hard")


def monotonic_attention(p_choose_i: TensorLike, previous_attention: TensorLike, mode: str) -> Tensor:
    """Return the attention weights of one step of monotonic attention.

    At each step, monotonic attention starts at the position of the last step. It stays at position i with the
    probability p[i], and moves on to the next position otherwise. It never returns to an earlier position. The result
    is the expected distribution over the positions. If the attention moves beyond the last position, the weights are 0.

    Formula, with the weights a of the last step:

        q[i] = (1 - p[i-1]) q[i-1] + a[i]
        attention[i] = p[i] q[i]

    Tensors of 16 bits are processed in float32.

    Source: Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments", 2017;
    `monotonic_attention` of TensorFlow Addons.

    Args:
        p_choose_i: Tensor of shape `(batch, positions)` with the probabilities p, in [0, 1].
        previous_attention: Tensor of the same shape with the weights of the last step. Before the first step, they are
            1 at the first position and 0 elsewhere.
        mode: `"recursive"` computes the formula in a loop. `"parallel"` uses cumulative sums and products, which is
            faster, and inexact for long sequences or probabilities close to 0 or 1. `"hard"` requires that all
            probabilities are 0 or 1, and selects the first position with 1 after the last one.

    Returns:
        A tensor of shape `(batch, positions)`.

    Raises:
        ValueError: If `mode` is unknown.

    Example:
        >>> from tensorsmith.seq2seq import monotonic_attention
        >>> print(monotonic_attention([[0.5, 0.5, 1.0]], [[1.0, 0.0, 0.0]], mode="recursive").numpy())
        [[0.5  0.25 0.25]]
        >>> print(monotonic_attention([[1.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]], mode="hard").numpy())
        [[0. 0. 1.]]
    """
    check(mode in MODES, "mode", mode, 'one of "recursive", "parallel" and "hard"')
    p_choose_i = tf.convert_to_tensor(p_choose_i)
    dtype = p_choose_i.dtype
    p = in_single_precision(p_choose_i)
    previous = tf.cast(tf.convert_to_tensor(previous_attention), p.dtype)
    if mode == "recursive":
        attention = p * _recursive(p, previous)
    elif mode == "parallel":
        passed = safe_cumprod(1 - p, axis=1, exclusive=True)  # probability of moving over all earlier positions
        attention = p * passed * tf.cumsum(previous / tf.clip_by_value(passed, 1e-10, 1), axis=1)
    else:
        p *= tf.cumsum(previous, axis=1)  # no position before that of the last step
        attention = p * tf.math.cumprod(1 - p, axis=1, exclusive=True)
    return tf.cast(attention, dtype)


def _recursive(p: Tensor, previous: Tensor) -> Tensor:
    """Return q of the formula, the probability of reaching each position."""
    moves = tf.concat([tf.ones_like(p[:, :1]), 1 - p[:, :-1]], axis=1)
    by_position = tf.transpose(moves), tf.transpose(previous)
    reached = tf.scan(lambda q, each: each[0] * q + each[1], by_position, tf.zeros_like(p[:, 0]))
    return tf.transpose(reached)
