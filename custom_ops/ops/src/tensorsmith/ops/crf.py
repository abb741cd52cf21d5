"""Ops for the log-likelihood and Viterbi decoding of linear-chain conditional random fields (CRF)."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import as_int32, of_rank, refuse_lengths_beyond
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.gradients import vjp
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
    # Score of the given tags.
    steps = tf.shape(unaries)[1]
    inside = tf.sequence_mask(lengths, steps)
    tags = tf.where(inside, tags, 0)
    scores = tf.where(inside, tf.gather(unaries, tags, axis=2, batch_dims=2), 0)
    pairs = tf.gather_nd(transitions, tf.stack([tags[:, :-1], tags[:, 1:]], axis=2))
    pairs = tf.where(inside[:, 1:], pairs, 0)

    # Forward algorithm for the normalizer, in log space.
    def step(t: tf.Tensor, alpha: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        following = tf.reduce_logsumexp(alpha[:, :, tf.newaxis] + transitions, axis=1) + unaries[:, t]
        return t + 1, tf.where((t < lengths)[:, tf.newaxis], following, alpha)

    _, alpha = tf.while_loop(lambda t, _: t < steps, step, (1, _first(unaries)), maximum_iterations=_most(unaries))
    normalizer = tf.where(lengths > 0, tf.reduce_logsumexp(alpha, axis=1), 0)
    return tf.reduce_sum(scores, axis=1) + tf.reduce_sum(pairs, axis=1) - normalizer


def _reference_decode(unaries: tf.Tensor, transitions: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Reference implementation of CRF decoding in TensorFlow."""
    batch, steps, count = tf.unstack(tf.shape(unaries))
    most = _most(unaries)

    # Scores of the best partial sequences, and the previous tag of each.
    def forward(t: tf.Tensor, score: tf.Tensor, origins: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        candidates = score[:, :, tf.newaxis] + transitions
        inside = (t < lengths)[:, tf.newaxis]
        origin = tf.argmax(candidates, axis=1, output_type=tf.int32)
        following = tf.where(inside, tf.reduce_max(candidates, axis=1) + unaries[:, t], score)
        return t + 1, following, origins.write(t, tf.where(inside, origin, tf.range(count)))

    origins = tf.TensorArray(tf.int32, size=tf.maximum(steps, 1), element_shape=[unaries.shape[0], unaries.shape[2]])
    origins = origins.write(0, tf.zeros([batch, count], tf.int32))
    _, score, origins = tf.while_loop(
        lambda t, *_: t < steps, forward, (1, _first(unaries), origins), maximum_iterations=most
    )

    # Backtracking from the best last tag.
    def backward(t: tf.Tensor, tag: tf.Tensor, path: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        origin = tf.gather(origins.read(t), tag, axis=1, batch_dims=1)
        return t - 1, tf.where(t < lengths, origin, tag), path.write(t, tf.where(t < lengths, tag, 0))

    path = tf.TensorArray(tf.int32, size=steps, element_shape=[unaries.shape[0]])
    last = tf.argmax(score, axis=1, output_type=tf.int32)
    *_, path = tf.while_loop(
        lambda t, *_: t >= 0, backward, (steps - 1, last, path), maximum_iterations=None if most is None else most + 1
    )
    tags = tf.transpose(tf.reshape(path.stack(), [steps, batch]))
    tags.set_shape(unaries.shape[:2])
    return tags, tf.where(lengths > 0, tf.reduce_max(score, axis=1), 0)


def _first(unaries: tf.Tensor) -> tf.Tensor:
    """Returns the unary scores of the first time step, or zeros if the sequences have no steps."""
    return tf.pad(unaries, [[0, 0], [0, 1], [0, 0]])[:, 0]


def _most(unaries: tf.Tensor) -> int | None:
    """Returns the number of time steps minus 1, as a loop bound for XLA, or `None` if it is unknown."""
    return None if unaries.shape[1] is None else max(unaries.shape[1] - 1, 0)


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
