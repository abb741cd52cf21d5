"""One step of a beam search."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core.types import NestedTensors, Tensor
from tensorsmith.seq2seq._support.top_tokens import TopTokens
from tensorsmith.seq2seq.tile_batch import tile_batch

Penalize = Callable[[Tensor, Tensor], Tensor]  # from log-probabilities and a mask of end tokens to scores


class Extended(NamedTuple):
    """Hypotheses of the next step, in descending order of their scores, each of shape `(batch, beams)`.

    Attributes:
        tokens: int32 tensor with the last token. It is `end` for hypotheses that have ended before.
        parents: int32 tensor with the index of the hypothesis of the last step that has been extended.
        scores: Penalized log-probabilities.
        log_probabilities: Log-probabilities of all tokens; -inf if there are fewer continuations than beams.
    """

    tokens: Tensor
    parents: Tensor
    scores: Tensor
    log_probabilities: Tensor


def extend(
    top: TopTokens, log_probabilities: Tensor, finished: Tensor, beams: int, end: int | None, penalize: Penalize
) -> Extended:
    """Return the best continuations of the hypotheses of each sequence.

    Hypotheses that have ended have one continuation, themselves. All others are continued with the tokens in `top`.
    These must be the `beams + 1` most probable ones, so that `beams` of them remain if the penalty moves the end token
    back, as coverage penalties do.

    Args:
        top: Candidates for the next tokens of `batch * previous` rows.
        log_probabilities: Tensor of shape `(batch, previous)` with the log-probabilities of the hypotheses.
        finished: Boolean tensor of the same shape with the hypotheses that have ended.
        beams: Number of hypotheses to return for each sequence.
        end: Token that ends a sequence, or `None`.
        penalize: Function that takes log-probabilities of continuations, of shape `(batch, previous, candidates)`, and
            a boolean tensor of the same shape with those that have ended, and returns their scores. For each hypothesis
            and for continuations that do not end, scores must increase with the log-probability.

    Returns:
        An `Extended` tuple.
    """
    size = tf.shape(log_probabilities)
    shape = tf.concat([size, [tf.shape(top.tokens)[-1]]], 0)
    added, tokens = tf.reshape(top.log_probabilities, shape), tf.reshape(top.tokens, shape)
    impossible = tf.constant(float("-inf"), added.dtype)
    if end is not None:
        itself = tf.where(tf.range(shape[-1]) == 0, tf.zeros([], added.dtype), impossible)
        added = tf.where(finished[..., tf.newaxis], itself, added)
        tokens = tf.where(finished[..., tf.newaxis], end, tokens)
    # A hypothesis of probability 0 stands for none, and the logits of its row may be anything.
    before = log_probabilities[..., tf.newaxis]
    totals = tf.where(before == impossible, impossible, before + added)
    scores = penalize(totals, tf.zeros_like(tokens, tf.bool) if end is None else tokens == end)
    flat = [tf.reshape(each, [size[0], size[1] * shape[-1]]) for each in (scores, totals, tokens)]
    previous = log_probabilities.shape[1]
    if previous is None or previous < beams:  # each hypothesis has at least one continuation
        fillers = float("-inf"), float("-inf"), 0
        columns = [[0, 0], [0, beams]]
        flat = [tf.pad(each, columns, constant_values=filler) for each, filler in zip(flat, fillers, strict=True)]
    scores, chosen = tf.math.top_k(flat[0], beams)
    totals, tokens = (tf.gather(each, chosen, batch_dims=1) for each in flat[1:])
    return Extended(tokens, tf.minimum(chosen // shape[-1], size[1] - 1), scores, totals)


def rows_of(parents: Tensor, previous: Tensor | int) -> Tensor:
    """Return the rows of hypotheses among `batch * previous` rows, given their indices in each sequence."""
    return tf.reshape(parents + tf.range(tf.shape(parents)[0])[:, tf.newaxis] * previous, [-1])


def tiled(state: NestedTensors, beams: int) -> NestedTensors:
    """Return a state with a copy of each row for each beam. Scalars, such as counters, are the same for all rows."""
    state = tf.nest.map_structure(tf.convert_to_tensor, state)
    return tf.nest.map_structure(lambda each: tile_batch(each, beams) if each.shape.rank != 0 else each, state)


def reordered(state: NestedTensors, rows: Tensor) -> NestedTensors:
    """Return the rows of the tensors of a state, but its scalars as they are."""
    return tf.nest.map_structure(lambda each: tf.gather(each, rows) if each.shape.rank != 0 else each, state)


def length_penalty(lengths: Tensor, weight: float, dtype: tf.DType) -> Tensor:
    """Return the number by which the log-probabilities of sequences are divided (Wu et al., 2016, equation 14)."""
    return ((5 + tf.cast(lengths, dtype)) / 6) ** weight


def coverage_penalty(coverage: Tensor, weight: float) -> Tensor:
    """Return the number that is added to the scores of sequences (Wu et al., 2016, equation 14).

    Args:
        coverage: Tensor of shape `(..., source)` with the sum of the attention weights of all steps. Positions with a
            sum of 0 are padding.
        weight: Weight of the penalty.

    Returns:
        A tensor of shape `(...)` with values of at most 0.
    """
    covered = tf.where(coverage == 0, tf.ones_like(coverage), tf.minimum(coverage, 1))
    return weight * tf.reduce_sum(tf.math.log(covered), axis=-1)
