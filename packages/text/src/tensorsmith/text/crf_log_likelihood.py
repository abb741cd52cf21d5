"""Log-likelihood of tag sequences in a conditional random field (CRF), with the arguments of TensorFlow Addons."""

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.text._support.crf_arguments import as_lengths, as_potentials, as_tags, as_transitions, precise


def crf_log_likelihood(
    inputs: TensorLike,
    tag_indices: TensorLike,
    sequence_lengths: TensorLike,
    transition_params: TensorLike | None = None,
) -> tuple[tf.Tensor, tf.Tensor | tf.Variable]:
    """Return the log-likelihoods of tag sequences, and the transition scores.

    Formula, with `crf_sequence_score` and `crf_log_norm`:

        log p(y) = score(y) - log norm

    The kernel of `tensorsmith.ops.crf_log_likelihood` computes it and its gradient.

    Source: Lafferty et al., "Conditional Random Fields", 2001.

    Args:
        inputs: Tensor of shape `(batch, steps, tags)` with the score of each tag at each step. Half-precision scores
            are summed in float32.
        tag_indices: Integer tensor of shape `(batch, steps)`. Tags after the end of a sequence are ignored.
        sequence_lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences.
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`. If
            `None`, a variable with Glorot uniform initialization is created.

    Returns:
        A tuple of the log-likelihoods, a tensor of shape `(batch,)` with the dtype of `inputs`, and the transition
        scores in the dtype of `inputs`.

    Raises:
        ValueError: If shapes do not match, or the number of tags is unknown and `transition_params` is `None`.
        tf.errors.InvalidArgumentError: If a tag or a length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> scores = tf.math.log([[[0.9, 0.1], [0.2, 0.8]]])
        >>> likelihood, transitions = crf_log_likelihood(scores, [[0, 1]], [2], tf.zeros((2, 2)))
        >>> print(tf.exp(likelihood).numpy().round(4))  # without transitions, 0.9 * 0.8
        [0.72]
    """
    inputs = as_potentials(inputs, "inputs")
    tags = as_tags(tag_indices, inputs.shape[:2])
    lengths = as_lengths(sequence_lengths, inputs.shape[0])
    count = inputs.shape[2]
    if transition_params is None:
        check(
            count is not None, "inputs", Verbatim(inputs.shape), "have a known number of tags", "pass transition_params"
        )
        initial = keras.initializers.GlorotUniform()((count, count), inputs.dtype.name)
        transition_params = tf.Variable(initial, name="transitions")
    # A variable is returned as it is, so that it can be assigned to the attribute from which it was taken.
    kept = isinstance(transition_params, keras.Variable) and transition_params.dtype == inputs.dtype.name
    transitions = transition_params if kept else tf.cast(transition_params, inputs.dtype)
    scores = precise(inputs)
    matrix = as_transitions(transition_params, scores.dtype, count)
    likelihood = ops.crf_log_likelihood(scores, tags, matrix, lengths=lengths)
    return tf.cast(likelihood, inputs.dtype), transitions
