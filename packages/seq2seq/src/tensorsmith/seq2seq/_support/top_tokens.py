"""The most probable tokens of each row of logits, and their log-probabilities."""

from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._support.groups import LEAST, SIZE, group_size, in_groups


class TopTokens(NamedTuple):
    """Candidates for the next tokens of each row, in descending order.

    Attributes:
        log_probabilities: Tensor of shape `(rows, count)`, -inf where no further token is allowed.
        tokens: int32 tensor of shape `(rows, count)`.
        largest: Tensor of shape `(rows,)` with the largest logits: NaN if any logit is NaN, -inf if no token is
            allowed.
    """

    log_probabilities: Tensor
    tokens: Tensor
    largest: Tensor


def top_tokens(logits: Tensor, count: int) -> TopTokens:
    """Return the tokens with the largest logits, with the log-probabilities of the softmax over all tokens.

    Among equal logits, the token with the lower index is first. The function avoids passes over the logits, which take
    as much time as the product that computes them, and is therefore not written as `top_k(log_softmax(logits))`.

    Args:
        logits: Floating-point tensor of shape `(rows, vocabulary)`.
        count: Number of tokens per row; the size of the vocabulary if it is smaller.

    Returns:
        A `TopTokens` tuple. Its floating-point tensors are float64 for float64 logits, else float32.
    """
    logits = logits if logits.dtype == tf.float64 else tf.cast(logits, tf.float32)
    largest, values, tokens = top_logits(logits, count)
    # Softmax is a single compiled op. Other formulas for the logarithm of the sum of exponentials write several arrays.
    first = tf.math.log(tf.gather(tf.nn.softmax(logits), tokens[:, :1], batch_dims=1))
    log_probabilities = values - largest[:, tf.newaxis] + first
    log_probabilities = tf.where(values == float("-inf"), values, log_probabilities)  # which may be NaN
    return TopTokens(log_probabilities, tokens, largest)


def top_logits(logits: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the largest logit of each row, the `count` largest ones in descending order, and their indices."""
    vocabulary = logits.shape[-1]
    if vocabulary is not None and vocabulary >= max(LEAST, 4 * count * SIZE):
        return _top_in_groups(logits, count)
    values, tokens = tf.math.top_k(
        logits, min(count, vocabulary) if vocabulary else tf.minimum(count, tf.shape(logits)[-1])
    )
    return tf.reduce_max(logits, axis=-1), values, tokens


def _top_in_groups(logits: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same as `top_logits`, in less time than `tf.math.top_k`, which compares all logits one by one.

    The `count` largest logits are in the `count` groups with the largest maxima, which are computed quickly. The groups
    are kept in the order of their indices, so that the first of equal logits is found.
    """
    vocabulary = logits.shape[-1]
    size = group_size(vocabulary) or SIZE
    padding = -vocabulary % size
    if padding:
        logits = tf.pad(logits, [[0, 0], [0, padding]], constant_values=float("-inf"))
    grouped, maxima = in_groups(logits, size)
    chosen = tf.sort(tf.math.top_k(maxima, count).indices, axis=-1)
    values, positions = tf.math.top_k(tf.reshape(tf.gather(grouped, chosen, batch_dims=1), [-1, count * size]), count)
    tokens = tf.gather(chosen, positions // size, batch_dims=1) * size + positions % size
    tokens = tf.minimum(tokens, vocabulary - 1)  # where the padding is chosen, because other tokens are not allowed
    return tf.reduce_max(maxima, axis=-1), values, tokens
