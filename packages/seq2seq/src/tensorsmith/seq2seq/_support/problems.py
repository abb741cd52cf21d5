"""Invalid logits, which are found during a search and reported after it.

Loops carry a code for each sequence and stop if one is not 0, because assertions inside of a loop slow it down and make
TensorFlow print warnings.
"""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._support.groups import group_size, in_groups

# Codes of problems: received and expected values in error messages.
NO_NUMBERS, NONE_ALLOWED = 1, 2
MESSAGES = {
    NO_NUMBERS: ("NaN or infinity for the sequences", "not contain NaN or infinity"),
    NONE_ALLOWED: ("-inf for all tokens of the sequences", "contain an allowed token for each sequence"),
}


def problems_of(logits: Tensor, ended: Tensor | None = None) -> Tensor:
    """Return the code of the problem of each row of logits, or 0.

    Args:
        logits: Tensor of shape `(batch, vocabulary)`.
        ended: Boolean tensor of shape `(batch,)` with the sequences that need no further tokens, or `None`.
    """
    if not logits.dtype.is_floating:
        return tf.zeros(tf.shape(logits)[:1], tf.int32)
    size = group_size(logits.shape[-1])
    # The maxima of groups are those of `greedy`. A maximum is NaN if any logit is NaN.
    largest = tf.reduce_max(in_groups(logits, size)[1] if size else logits, axis=-1)
    # Optimizers of graphs replace ~(a < b) by a >= b, also for NaN.
    problems = coded(tf.math.is_nan(largest) | (largest == float("inf")), largest == float("-inf"))
    return problems if ended is None else tf.where(ended, 0, problems)


def coded(no_numbers: Tensor, none_allowed: Tensor) -> Tensor:
    """Return the codes of problems, given boolean tensors with the sequences that have them."""
    return tf.where(no_numbers, NO_NUMBERS, tf.where(none_allowed, NONE_ALLOWED, 0))


def report(problems: Tensor) -> None:
    """Raise an error if a sequence has a problem.

    Raises:
        ValueError: In eager execution.
        tf.errors.InvalidArgumentError: In a graph, except under XLA.
    """
    for code, (received, expected) in MESSAGES.items():
        sequences = tf.where(problems == code)[:, 0]
        if tf.executing_eagerly():
            found = sequences.numpy().tolist()
            check(not found, "logits", Verbatim(f"{received} {found}"), expected)
        else:
            data = [f"logits must {expected}, got {received}", sequences]
            tf.debugging.Assert(tf.reduce_all(problems != code), data)
