"""Scores of sets of tag sequences in a conditional random field (CRF)."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.text._support.crf_arguments import as_potentials
from tensorsmith.text.crf_log_norm import crf_log_norm


def crf_multitag_sequence_score(
    inputs: TensorLike, tag_bitmap: TensorLike, sequence_lengths: TensorLike, transition_params: TensorLike
) -> tf.Tensor:
    """Return the log of the sum of the exponential scores of all tag sequences that a mask allows.

    With one allowed tag at each step, this is `crf_sequence_score`; if all tags are allowed, it is `crf_log_norm`. The
    difference of the latter and this score is a loss for partially labelled sequences.

    Formula, for the tag sequences y with `tag_bitmap[t, y[t]]` at all steps t:

        score = log sum_y exp(score(y))

    Source: Tsuboi et al., "Training Conditional Random Fields Using Incomplete Annotations", 2008.

    Args:
        inputs: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step.
        tag_bitmap: Boolean tensor of shape `(batch, steps, tags)`, `True` for the allowed tags.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.

    Returns:
        A tensor of shape `(batch,)` with the dtype of `inputs`. It is 0 for an empty sequence, and negative infinity if
        no sequence is allowed.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> scores = tf.zeros((1, 2, 3))
        >>> mask = [[[True, True, False], [False, True, True]]]
        >>> print(tf.exp(crf_multitag_sequence_score(scores, mask, [2], tf.zeros((3, 3)))).numpy())  # 2 * 2 sequences
        [4.]
    """
    return crf_log_norm(crf_filtered_inputs(inputs, tag_bitmap), sequence_lengths, transition_params)


def crf_filtered_inputs(inputs: TensorLike, tag_bitmap: TensorLike) -> tf.Tensor:
    """Return the unary scores, with negative infinity for the tags that are not allowed.

    Args:
        inputs: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step.
        tag_bitmap: Boolean tensor of shape `(batch, steps, tags)`, `True` for the allowed tags.

    Returns:
        A tensor with the shape and dtype of `inputs`.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> print(crf_filtered_inputs([[[1.0, 2.0]]], [[[True, False]]]).numpy())
        [[[  1. -inf]]]
    """
    return filtered(inputs, tag_bitmap, "inputs")


def filtered(scores: TensorLike, tag_bitmap: TensorLike, name: str) -> tf.Tensor:
    """Return the filtered unary scores. The name of their argument is for error messages."""
    scores, allowed = as_potentials(scores, name), tf.cast(tag_bitmap, tf.bool)
    fits = allowed.shape.is_compatible_with(scores.shape)
    check(fits, "tag_bitmap", Verbatim(allowed.shape), f"have shape {scores.shape} to match `{name}`")
    return tf.where(allowed, scores, tf.constant(float("-inf"), scores.dtype))
