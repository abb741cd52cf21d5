"""Hypotheses of a beam search, and their continuation by one token."""

from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support import beams
from tensorsmith.seq2seq._support.logits import adjusted
from tensorsmith.seq2seq._support.problems import coded
from tensorsmith.seq2seq._support.top_tokens import top_tokens
from tensorsmith.seq2seq._support.types import Adjust, Attention, State


class Options(NamedTuple):
    """Arguments of `beam_search`."""

    length: int
    beams: int
    end: int | None
    length_penalty: float
    coverage_penalty: float
    attention: Attention | None
    adjust: tuple[Adjust, ...]


class Found(NamedTuple):
    """Hypotheses, of which the first step has one for each prompt, and all others have `beams`."""

    tokens: Tensor  # (batch * beams, length)
    lengths: Tensor  # (batch, beams), as the following ones
    finished: Tensor
    scores: Tensor
    log_probabilities: Tensor
    coverage: Tensor  # (batch, beams, source) if there is a coverage penalty, else (batch, beams, 0)
    problems: Tensor  # (batch,), see `problems.py`

    @property
    def none(self) -> Tensor:
        """Mask of entries that stand for no hypothesis."""
        return self.log_probabilities == float("-inf")


def empty(options: Options, batch: Tensor, state: State, dtype: tf.DType) -> Found:
    """Return the hypothesis without tokens of each prompt.

    Args:
        options: Arguments of the search.
        batch: Number of prompts.
        state: State after the prompt.
        dtype: Data type of the scores.
    """
    source: Tensor | int = 0
    if options.coverage_penalty:
        weights = _weights(options, state, dtype)
        received = Verbatim(f"a function that returns weights of shape {weights.shape}")
        check(weights.shape.rank == 2, "attention", received, "a function that returns weights of shape (rows, source)")
        source = tf.shape(weights)[1]
    return Found(
        tokens=tf.fill([batch, options.length], 0 if options.end is None else options.end),
        lengths=tf.zeros([batch, 1], tf.int32),
        finished=tf.zeros([batch, 1], tf.bool),
        scores=tf.zeros([batch, 1], dtype),
        log_probabilities=tf.zeros([batch, 1], dtype),
        coverage=tf.zeros([batch, 1, source], dtype),
        problems=tf.zeros([batch], tf.int32),
    )


def continued(
    options: Options, found: Found, prompt: Tensor, logits: Tensor, state: State, position: TensorLike
) -> tuple[Found, Tensor, Tensor]:
    """Return the best hypotheses with one more token, their last tokens, and the rows that they continue.

    Args:
        options: Arguments of the search.
        found: Hypotheses with `position` tokens.
        prompt: Prompts of shape `(batch, tokens)`.
        logits: Logits of the next tokens, of shape `(batch * beams, vocabulary)`.
        state: State after the last tokens.
        position: Number of tokens that have been generated.
    """
    size = tf.shape(found.lengths)
    if options.adjust:
        prefix = tf.concat([tf.repeat(prompt, size[1], axis=0), found.tokens[:, :position]], 1)
        logits = adjusted(logits, prefix, options.adjust)
    top = top_tokens(logits, options.beams + 1)
    largest = tf.reshape(top.largest, size)
    no_number = (tf.math.is_nan(largest) | (largest == float("inf"))) & ~found.finished & ~found.none
    dtype = found.scores.dtype
    lengths, coverage = found.lengths + tf.cast(~found.finished, tf.int32), found.coverage
    if options.coverage_penalty:
        weights = tf.reshape(_weights(options, state, dtype), tf.shape(coverage))
        coverage += tf.where(found.finished[..., tf.newaxis], tf.zeros_like(weights), weights)

    def penalize(totals: Tensor, ended: Tensor) -> Tensor:
        if options.length_penalty:
            totals /= beams.length_penalty(lengths, options.length_penalty, dtype)[..., tf.newaxis]
        if options.coverage_penalty:
            penalties = beams.coverage_penalty(coverage, options.coverage_penalty)[..., tf.newaxis]
            totals += tf.where(ended, penalties, tf.zeros_like(penalties))
        return totals

    new = beams.extend(top, found.log_probabilities, found.finished, options.beams, options.end, penalize)
    rows, last = beams.rows_of(new.parents, size[1]), tf.reshape(new.tokens, [-1])
    tokens = tf.where(tf.range(options.length) == position, last[:, tf.newaxis], tf.gather(found.tokens, rows))
    lengths, finished, coverage = (
        tf.gather(each, new.parents, batch_dims=1) for each in (lengths, found.finished, coverage)
    )
    finished = finished if options.end is None else finished | (new.tokens == options.end)
    none_left = tf.reduce_all(new.log_probabilities == float("-inf"), axis=1)
    problems = coded(tf.reduce_any(no_number, axis=1), none_left)
    after = Found(tokens, lengths, finished, new.scores, new.log_probabilities, coverage, problems)
    return after, last, rows


def _weights(options: Options, state: State, dtype: tf.DType) -> Tensor:
    """Return the attention weights of the last step."""
    assert options.attention is not None
    return tf.cast(options.attention(state), dtype)
