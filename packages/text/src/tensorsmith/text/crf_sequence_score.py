"""Scores of given tag sequences in a conditional random field (CRF)."""

import tensorflow as tf

from tensorsmith.core.types import TensorLike
from tensorsmith.ops.crf import transition_score, unary_score
from tensorsmith.text._support.crf_arguments import as_lengths, as_potentials, as_tags, as_transitions, precise


def crf_sequence_score(
    inputs: TensorLike, tag_indices: TensorLike, sequence_lengths: TensorLike, transition_params: TensorLike
) -> tf.Tensor:
    """Return the unnormalized scores of tag sequences: the sums of their unary and binary scores.

    Formula, with the unary scores u and the transition scores A:

        score(y) = sum_t u[t, y[t]] + sum_t A[y[t - 1], y[t]]

    Source: Lafferty et al., "Conditional Random Fields", 2001.

    Args:
        inputs: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step. Half-precision scores
            are summed in float32.
        tag_indices: Integer tensor of shape `(batch, steps)`. Tags after the end of a sequence are ignored.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.

    Returns:
        A tensor of shape `(batch,)` with the dtype of `inputs`. The score of an empty sequence is 0.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a tag is out of range.

    Example:
        >>> scores = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]
        >>> transitions = [[10.0, 20.0], [30.0, 40.0]]
        >>> print(crf_sequence_score(scores, [[0, 1, 0]], [3], transitions).numpy())  # 1 + 20 + 4 + 30 + 5
        [60.]
    """
    inputs = as_potentials(inputs, "inputs")
    scores = precise(inputs)
    transitions = as_transitions(transition_params, scores.dtype, scores.shape[2])
    unary = crf_unary_score(tag_indices, sequence_lengths, scores)
    return tf.cast(unary + crf_binary_score(tag_indices, sequence_lengths, transitions), inputs.dtype)


def crf_unary_score(tag_indices: TensorLike, sequence_lengths: TensorLike, inputs: TensorLike) -> tf.Tensor:
    """Return the sums of the unary scores of tag sequences, sum_t u[t, y[t]]; see `crf_sequence_score`.

    Args:
        tag_indices: Integer tensor of shape `(batch, steps)`. Tags after the end of a sequence are ignored.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences.
        inputs: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step.

    Returns:
        A tensor of shape `(batch,)` with the dtype of `inputs`.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a tag is out of range.

    Example:
        >>> print(crf_unary_score([[0, 1, 0]], [2], [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]).numpy())  # 1 + 4
        [5.]
    """
    inputs = as_potentials(inputs, "inputs")
    tags = as_tags(tag_indices, inputs.shape[:2])
    lengths = as_lengths(sequence_lengths, tags.shape[0])
    return tf.cast(unary_score(precise(inputs), tags, lengths), inputs.dtype)


def crf_binary_score(tag_indices: TensorLike, sequence_lengths: TensorLike, transition_params: TensorLike) -> tf.Tensor:
    """Return the sums of the transition scores of tag sequences, sum_t A[y[t - 1], y[t]]; see `crf_sequence_score`.

    Args:
        tag_indices: Integer tensor of shape `(batch, steps)`. Tags after the end of a sequence are ignored.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.

    Returns:
        A tensor of shape `(batch,)` with the dtype of `transition_params`.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a tag is out of range.

    Example:
        >>> print(crf_binary_score([[0, 1, 0]], [3], [[10.0, 20.0], [30.0, 40.0]]).numpy())  # 20 + 30
        [50.]
    """
    given = tf.convert_to_tensor(transition_params)
    transitions = precise(as_transitions(given, given.dtype, given.shape[0] if given.shape.rank else None))
    tags = as_tags(tag_indices, tf.TensorShape([None, None]))
    lengths = as_lengths(sequence_lengths, tags.shape[0])
    return tf.cast(transition_score(transitions, tags, lengths), given.dtype)
