"""Ops for the log-likelihood and Viterbi decoding of linear-chain conditional random fields (CRF)."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import as_int32, of_rank, refuse_lengths_beyond
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def crf_log_likelihood(
    unaries: TensorLike, tags: TensorLike, transitions: TensorLike, *, lengths: TensorLike | None = None
) -> tf.Tensor:
    """Computes the log-likelihood of tag sequences in a linear-chain conditional random field (CRF).

    Formula, with the unary scores u and the transition scores A:

        score(y) = sum_t u[t, y[t]] + sum_t A[y[t - 1], y[t]]
        log p(y) = score(y) - log sum over all y' of exp(score(y'))

    The gradient consists of the marginal probabilities of tags and of pairs of tags, which the kernel computes from the
    saved forward pass.

    Source: Lafferty et al., "Conditional Random Fields", 2001.

    Args:
        unaries: Tensor of shape `(batch, steps, num_tags)` and dtype float32 or float64 with the score of each tag at
            each step.
        tags: Integer tensor of shape `(batch, steps)` with values in `[0, num_tags)`. Values after the end of a
            sequence are ignored.
        transitions: Tensor of shape `(num_tags, num_tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences. If `None`, all steps are used.
            The log-likelihood of an empty sequence is 0.

    Returns:
        A tensor of shape `(batch,)`.

    Raises:
        ValueError: If shapes or dtypes do not match.
        tf.errors.InvalidArgumentError: If a tag or a length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> unaries = tf.math.log([[[0.9, 0.1], [0.2, 0.8]]])
        >>> likelihood = crf_log_likelihood(unaries, [[0, 1]], tf.zeros((2, 2)))
        >>> print(tf.exp(likelihood).numpy().round(4))  # without transitions, 0.9 * 0.8
        [0.72]
    """
    unaries, transitions, lengths = _checked(unaries, transitions, lengths)
    tags = of_rank(as_int32(tags, "tags"), 2)
    check(
        tags.shape.is_compatible_with(unaries.shape[:2]),
        "tags",
        Verbatim(tags.shape),
        f"have shape (batch, steps) = {unaries.shape[:2]} to match `unaries`",
    )
    if compiled(unaries, transitions):
        likelihood, _ = library().ops.tensorsmith_crf_log_likelihood(unaries, tags, lengths, transitions)
        return likelihood
    refuse_lengths_beyond(tf.shape(unaries)[1], lengths)
    return _reference_likelihood(unaries, transitions, tags, lengths)


def crf_decode(
    unaries: TensorLike, transitions: TensorLike, *, lengths: TensorLike | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the tag sequences with the highest scores in a linear-chain conditional random field (CRF).

    Among sequences of equal score, the one with the smaller tag indices at the end is returned. The op is not
    differentiable.

    Source: Viterbi, "Error Bounds for Convolutional Codes", 1967.

    Args:
        unaries: Tensor of shape `(batch, steps, num_tags)` and dtype float32 or float64 with the score of each tag at
            each step.
        transitions: Tensor of shape `(num_tags, num_tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        lengths: Integer tensor of shape `(batch,)` with the lengths of the sequences. If `None`, all steps are used.

    Returns:
        A tuple of the tags, an int32 tensor of shape `(batch, steps)` that is 0 after the end of a sequence, and the
        scores, a tensor of shape `(batch,)`.

    Raises:
        ValueError: If shapes or dtypes do not match.
        tf.errors.InvalidArgumentError: If a length is out of range.

    Example:
        >>> import tensorflow as tf
        >>> unaries = tf.constant([[[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]])
        >>> tags, scores = crf_decode(unaries, [[0.0, -9.0], [0.0, 0.0]])  # tag 1 cannot follow tag 0
        >>> print(tags.numpy(), scores.numpy())
        [[1 1 1]] [4.]
    """
    unaries, transitions, lengths = _checked(unaries, transitions, lengths)
    if compiled(unaries, transitions):
        tags, score = library().ops.tensorsmith_crf_decode(unaries, lengths, transitions)
        return tags, score
    refuse_lengths_beyond(tf.shape(unaries)[1], lengths)
    tags, score = _reference_decode(unaries, transitions, lengths)
    return tags, tf.stop_gradient(score)


def _checked(
    unaries: TensorLike, transitions: TensorLike, lengths: TensorLike | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    unaries = tf.convert_to_tensor(unaries)
    check(unaries.dtype in (tf.float32, tf.float64), "unaries", unaries.dtype.name, "have dtype float32 or float64")
    check(unaries.shape.rank in (3, None), "unaries", Verbatim(unaries.shape), "have shape (batch, steps, tags)")
    unaries = of_rank(unaries, 3)
    batch, _, tags = unaries.shape
    check(tags != 0, "unaries", Verbatim(unaries.shape), "have at least one tag")
    transitions = of_rank(tf.convert_to_tensor(transitions, unaries.dtype), 2)
    fits = transitions.shape.is_compatible_with([tags, tags])
    check(fits, "transitions", Verbatim(transitions.shape), f"have shape ({tags}, {tags})")
    steps = tf.fill(tf.shape(unaries)[:1], tf.shape(unaries)[1]) if lengths is None else as_int32(lengths, "lengths")
    steps = of_rank(steps, 1)
    check(steps.shape.is_compatible_with([batch]), "lengths", Verbatim(steps.shape), f"have shape ({batch},)")
    return unaries, transitions, steps


def _reference_likelihood(unaries: tf.Tensor, transitions: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Reference implementation of the CRF log-likelihood in TensorFlow."""
    alpha = forward_variables(unaries, transitions, lengths)
    normalizer = tf.where(lengths > 0, tf.reduce_logsumexp(alpha, axis=1), 0)
    return unary_score(unaries, tags, lengths) + transition_score(transitions, tags, lengths) - normalizer


def _reference_decode(unaries: tf.Tensor, transitions: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Reference implementation of CRF decoding in TensorFlow."""
    origins, score = viterbi_forward(unaries, transitions, lengths)
    path = viterbi_backward(tf.reverse(origins, [1]), tf.argmax(score, axis=1, output_type=tf.int32))
    steps = tf.shape(unaries)[1]
    tags = tf.where(tf.sequence_mask(lengths, steps), tf.reverse(path, [1])[:, :steps], 0)  # there may be no steps
    tags.set_shape(unaries.shape[:2])
    return tags, tf.where(lengths > 0, tf.reduce_max(score, axis=1), 0)


def unary_score(unaries: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the sums of the unary scores of tag sequences."""
    inside = tf.sequence_mask(lengths, tf.shape(tags)[1])
    scores = tf.gather(unaries, tf.where(inside, tags, 0), axis=2, batch_dims=2)
    return tf.reduce_sum(tf.where(inside, scores, 0), axis=1)


def transition_score(transitions: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the sums of the transition scores of tag sequences."""
    inside = tf.sequence_mask(lengths, tf.shape(tags)[1])
    tags = tf.where(inside, tags, 0)
    scores = tf.gather_nd(transitions, tf.stack([tags[:, :-1], tags[:, 1:]], axis=2))
    return tf.reduce_sum(tf.where(inside[:, 1:], scores, 0), axis=1)


def forward_variables(unaries: tf.Tensor, transitions: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the forward variables of the last step of each sequence, in log space."""

    def step(alpha: tf.Tensor, given: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        unary, t = given
        following = tf.reduce_logsumexp(alpha[:, :, tf.newaxis] + transitions, axis=1) + unary
        return tf.where((t < lengths)[:, tf.newaxis], following, alpha)

    unaries = tf.transpose(_padded(unaries), [1, 0, 2])
    return tf.foldl(step, (unaries[1:], tf.range(1, tf.shape(unaries)[0])), unaries[0])


def viterbi_forward(unaries: tf.Tensor, transitions: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the previous tags of the best partial sequences, and their scores at the last step of each sequence.

    The previous tags have the shape `(batch, steps - 1, num_tags)`. After the end of a sequence, each tag is its own
    previous tag, so that backtracking can start at the last step of the batch.
    """

    def step(t: tf.Tensor, score: tf.Tensor, origins: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        origin, following = viterbi_step(padded[:, t], score, transitions)
        inside = (t < lengths)[:, tf.newaxis]
        origins = origins.write(t, tf.where(inside, origin, tf.range(tf.shape(score)[1])))
        return t + 1, tf.where(inside, following, score), origins

    padded, steps = _padded(unaries), tf.maximum(tf.shape(unaries)[1], 1)
    origins = tf.TensorArray(tf.int32, size=steps, element_shape=[unaries.shape[0], unaries.shape[2]])
    origins = origins.write(0, tf.zeros_like(padded[:, 0], tf.int32))  # an array without elements cannot be stacked
    _, score, origins = tf.while_loop(
        lambda t, *_: t < steps, step, (1, padded[:, 0], origins), maximum_iterations=unaries.shape[1]
    )
    return tf.transpose(origins.stack()[1:], [1, 0, 2]), score


def viterbi_step(unary: tf.Tensor, score: tf.Tensor, transitions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the previous tag of the best partial sequences that end with each tag, and their scores."""
    candidates = score[:, :, tf.newaxis] + transitions
    return tf.argmax(candidates, axis=1, output_type=tf.int32), tf.reduce_max(candidates, axis=1) + unary


def viterbi_backward(origins: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Returns the tags of the best sequences from the last step to the first, given the previous tags in this order."""

    def step(t: tf.Tensor, tag: tf.Tensor, path: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        tag = tf.gather(padded[:, t - 1], tag, axis=1, batch_dims=1)
        return t + 1, tag, path.write(t, tag)

    padded, steps = _padded(origins), tf.shape(origins)[1] + 1
    path = tf.TensorArray(tf.int32, size=steps, element_shape=[origins.shape[0]]).write(0, last)
    *_, path = tf.while_loop(lambda t, *_: t < steps, step, (1, last, path), maximum_iterations=origins.shape[1])
    return tf.transpose(path.stack())


def _padded(values: tf.Tensor) -> tf.Tensor:
    """Returns values with two more steps of zeros, because XLA cannot compile loops over tensors without steps."""
    return tf.pad(values, [[0, 0], [0, 2], [0, 0]])


@tf.RegisterGradient("TensorsmithCrfLogLikelihood")
def _gradient(op: tf.Operation, dlikelihood: tf.Tensor, unused: tf.Tensor) -> list[tf.Tensor | None]:
    dunaries, dtransitions = library().ops.tensorsmith_crf_log_likelihood_grad(dlikelihood, *op.inputs, op.outputs[1])
    return [dunaries, None, None, dtransitions]


@tf.RegisterGradient("TensorsmithCrfLogLikelihoodGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    dlikelihood, unaries, tags, lengths, transitions, _ = op.inputs

    def likelihood(unaries: tf.Tensor, transitions: tf.Tensor) -> tf.Tensor:
        return _reference_likelihood(unaries, transitions, tags, lengths)

    def gradient(dlikelihood: tf.Tensor, *tensors: tf.Tensor) -> list[tf.Tensor]:
        return vjp(likelihood, tensors, dlikelihood)

    ddlikelihood, dunaries, dtransitions = vjp(gradient, [dlikelihood, unaries, transitions], list(upstream))
    return [ddlikelihood, dunaries, None, None, dtransitions, None]


tf.no_gradient("TensorsmithCrfDecode")
