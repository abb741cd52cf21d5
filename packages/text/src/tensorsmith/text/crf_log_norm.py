"""Normalizer of a conditional random field (CRF)."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.crf import forward_variables
from tensorsmith.text._support.crf_arguments import as_lengths, as_potentials, as_transitions, precise, with_first
from tensorsmith.text.crf_sequence_score import crf_sequence_score


def crf_log_norm(inputs: TensorLike, sequence_lengths: TensorLike, transition_params: TensorLike) -> tf.Tensor:
    """Return the logarithm of the sum over all tag sequences of the exponential of their score.

    Formula, for all tag sequences y:

        log norm = log sum_y exp(score(y))

    It is computed from the best sequence, as its score less its log-likelihood, for which there are kernels. Scores of
    negative infinity exclude tags or transitions. The gradient consists of the marginal probabilities of tags and of
    pairs of tags.

    Source: Lafferty et al., "Conditional Random Fields", 2001.

    Args:
        inputs: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step. Half-precision scores
            are summed in float32.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.

    Returns:
        A tensor of shape `(batch,)` with the dtype of `inputs`. It is 0 for an empty sequence, and negative infinity if
        all sequences are excluded.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> norm = crf_log_norm([[[0.0, 0.0], [0.0, 0.0]]], [2], tf.math.log([[1.0, 1.0], [1.0, 2.0]]))
        >>> print(tf.exp(norm).numpy().round(4))  # 1 + 1 + 1 + 2 for the pairs of tags
        [5.]
    """
    inputs = as_potentials(inputs, "inputs")
    scores = precise(inputs)
    transitions = as_transitions(transition_params, scores.dtype, scores.shape[2])
    lengths = as_lengths(sequence_lengths, scores.shape[0])
    best, _ = ops.crf_decode(scores, transitions, lengths=lengths)
    score = crf_sequence_score(scores, best, lengths, transitions)
    # The likelihood of a sequence with a score of negative infinity is NaN, and so are its gradients.
    possible = score > float("-inf")
    scores = tf.where(possible[:, tf.newaxis, tf.newaxis], scores, 0)
    likelihood = ops.crf_log_likelihood(scores, best, transitions, lengths=lengths)
    return tf.cast(tf.where(possible, score - likelihood, score), inputs.dtype)


def crf_forward(
    inputs: TensorLike, state: TensorLike, transition_params: TensorLike, sequence_lengths: TensorLike
) -> tf.Tensor:
    """Return the last forward variables of a CRF: for each tag, the log norm of all sequences that end with it.

    Formula, for the steps t = 1, 2, ... after the first one:

        alpha[0, j] = state[j]
        alpha[t, j] = inputs[t - 1, j] + log sum_i exp(alpha[t - 1, i] + A[i, j])

    Source: Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", 1989.

    Args:
        inputs: Tensor of shape `(batch, steps - 1, tags)` with the score of each tag at each step after the first.
        state: Tensor of shape `(batch, tags)` with the forward variables of the first step, which are its scores.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences, including the first
            step.

    Returns:
        A tensor of shape `(batch, tags)` with the dtype of `inputs`: the forward variables of the last step of each
        sequence.

    Raises:
        ValueError: If shapes do not match.

    Example:
        >>> import tensorflow as tf
        >>> alphas = crf_forward([[[0.0, 0.0]]], [[0.0, 0.0]], tf.math.log([[1.0, 1.0], [1.0, 2.0]]), [2])
        >>> print(tf.exp(alphas).numpy().round(4))
        [[2. 3.]]
    """
    inputs = as_potentials(inputs, "inputs")
    scores = precise(inputs)
    transitions = as_transitions(transition_params, scores.dtype, scores.shape[2])
    lengths = as_lengths(sequence_lengths, scores.shape[0])
    return tf.cast(forward_variables(with_first(state, scores), transitions, lengths), inputs.dtype)
