"""Best tag sequences of a conditional random field (CRF), with the arguments of TensorFlow Addons."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.types import TensorLike
from tensorsmith.text._support.crf_arguments import as_lengths, as_potentials, as_transitions, precise
from tensorsmith.text.crf_multitag_sequence_score import filtered
from tensorsmith.text.crf_sequence_score import crf_sequence_score


def crf_decode(
    potentials: TensorLike, transition_params: TensorLike, sequence_length: TensorLike
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the tag sequences with the highest scores, and their scores.

    The kernel of `tensorsmith.ops.crf_decode` finds the sequences. Among sequences of equal score, the one with the
    smaller tag indices at the end is returned. The scores have a gradient, that of `crf_sequence_score`.

    Source: Viterbi, "Error Bounds for Convolutional Codes", 1967.

    Args:
        potentials: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step. Half-precision
            scores are summed in float32.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        sequence_length: Integer tensor of shape `(batch,)` with the lengths of the sequences.

    Returns:
        A tuple of the tags, an int32 tensor of shape `(batch, steps)` that is 0 after the end of a sequence, and the
        scores, a tensor of shape `(batch,)` with the dtype of `potentials`. An empty sequence has the score 0.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a length is out of range.

    Example:
        >>> scores = [[[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]]
        >>> tags, score = crf_decode(scores, [[0.0, -9.0], [0.0, 0.0]], [3])  # tag 1 cannot follow tag 0
        >>> print(tags.numpy(), score.numpy())
        [[1 1 1]] [4.]
    """
    return _decoded(as_potentials(potentials, "potentials"), transition_params, sequence_length)


def crf_constrained_decode(
    potentials: TensorLike, tag_bitmap: TensorLike, transition_params: TensorLike, sequence_length: TensorLike
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the tag sequences with the highest scores among those that a mask allows, and their scores.

    Args:
        potentials: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step.
        tag_bitmap: Boolean tensor of shape `(batch, steps, tags)`, `True` for the allowed tags.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        sequence_length: Integer tensor of shape `(batch,)` with the lengths of the sequences.

    Returns:
        A tuple of the tags and the scores; see `crf_decode`. If no sequence is allowed, the score is negative infinity.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a length is out of range.

    Example:
        >>> scores = [[[2.0, 0.0], [0.0, 1.0]]]
        >>> tags, score = crf_constrained_decode(scores, [[[False, True], [True, True]]], [[0.0, 0.0], [0.0, 0.0]], [2])
        >>> print(tags.numpy(), score.numpy())
        [[1 1]] [1.]
    """
    return _decoded(filtered(potentials, tag_bitmap, "potentials"), transition_params, sequence_length)


def _decoded(
    potentials: tf.Tensor, transition_params: TensorLike, sequence_length: TensorLike
) -> tuple[tf.Tensor, tf.Tensor]:
    scores = precise(potentials)
    transitions = as_transitions(transition_params, scores.dtype, scores.shape[2])
    lengths = as_lengths(sequence_length, scores.shape[0], "sequence_length")
    tags, _ = ops.crf_decode(scores, transitions, lengths=lengths)
    # The score of the kernel has no gradient.
    score = crf_sequence_score(scores, tags, lengths, transitions)
    return tags, tf.cast(score, potentials.dtype)
