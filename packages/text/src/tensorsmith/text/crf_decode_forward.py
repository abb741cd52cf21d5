"""Forward and backward pass of decoding a conditional random field (CRF)."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import as_int32
from tensorsmith.ops.crf import viterbi_backward, viterbi_forward
from tensorsmith.text._support.crf_arguments import as_lengths, as_potentials, as_transitions, precise, with_first


def crf_decode_forward(
    inputs: TensorLike, state: TensorLike, transition_params: TensorLike, sequence_lengths: TensorLike
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the previous tag of the best sequences that end with each tag at each step, and their last scores.

    `crf_decode` does both passes in a kernel; this function and `crf_decode_backward` are its parts. Formula, for the
    steps t = 1, 2, ... after the first one:

        score[0, j] = state[j]
        score[t, j] = inputs[t - 1, j] + max_i (score[t - 1, i] + A[i, j])

    Source: Viterbi, "Error Bounds for Convolutional Codes", 1967.

    Args:
        inputs: Tensor of shape `(batch, steps - 1, tags)` with the score of each tag at each step after the first.
        state: Tensor of shape `(batch, tags)` with the scores of the first step.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences, without the first step.

    Returns:
        A tuple of the previous tags, an int32 tensor with the shape of `inputs` that is 0 after the end of a sequence,
        and the scores at the last step of each sequence, a tensor of shape `(batch, tags)` with the dtype of `inputs`.

    Raises:
        ValueError: If shapes do not match.

    Example:
        >>> previous, scores = crf_decode_forward([[[0.0, 1.0]]], [[2.0, 0.0]], [[0.0, -9.0], [0.0, 0.0]], [1])
        >>> print(previous.numpy(), scores.numpy())
        [[[0 1]]] [[2. 1.]]
    """
    inputs = as_potentials(inputs, "inputs")
    scores = precise(inputs)
    transitions = as_transitions(transition_params, scores.dtype, scores.shape[2])
    lengths = tf.minimum(as_lengths(sequence_lengths, scores.shape[0]), tf.shape(scores)[1])
    origins, last = viterbi_forward(with_first(state, scores), transitions, lengths + 1)
    inside = tf.sequence_mask(lengths, tf.shape(scores)[1])[..., tf.newaxis]
    return tf.ensure_shape(tf.where(inside, origins, 0), inputs.shape), tf.cast(last, inputs.dtype)


def crf_decode_backward(inputs: TensorLike, state: TensorLike) -> tf.Tensor:
    """Return the tags of the best sequences, from the last step but one to the first, by following the previous tags.

    Args:
        inputs: Integer tensor of shape `(batch, steps - 1, tags)` with the previous tag of each tag, from the last step
            to the first: the reversed result of `crf_decode_forward`.
        state: Integer tensor of shape `(batch, 1)` with the best tag of the last step.

    Returns:
        An int32 tensor of shape `(batch, steps - 1, 1)`.

    Raises:
        ValueError: If shapes do not match.

    Example:
        >>> print(crf_decode_backward([[[0, 1], [1, 0]]], [[1]]).numpy().tolist())
        [[[1], [0]]]
    """
    origins, last = as_int32(inputs, "inputs"), as_int32(state, "state")
    check(origins.shape.rank == 3, "inputs", Verbatim(origins.shape), "have shape (batch, steps, tags)")
    batch = origins.shape[0]
    check(last.shape.is_compatible_with([batch, 1]), "state", Verbatim(last.shape), f"have shape ({batch}, 1)")
    tags = viterbi_backward(origins, last[:, 0])[:, 1:, tf.newaxis]
    return tf.ensure_shape(tags, [*origins.shape[:2], 1])
