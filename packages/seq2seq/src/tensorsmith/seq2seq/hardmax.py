"""One-hot vectors of the largest logits."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike


def hardmax(logits: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return one-hot vectors with 1 at the position of the largest logit, and 0 elsewhere.

    This is the limit of the softmax for large logits. Among equal logits, the first is selected. The function has no
    gradient.

    Source: `hardmax` of TensorFlow Addons.

    Args:
        logits: Tensor of numbers. The one-hot vectors are along its last axis.
        name: Name scope of the operations.

    Returns:
        A tensor with the same shape and dtype as `logits`.

    Raises:
        ValueError: If `logits` is a scalar.

    Example:
        >>> from tensorsmith.seq2seq import hardmax
        >>> print(hardmax([[0.1, 2.0, 0.3], [5.0, 1.0, 5.0]]).numpy())
        [[0. 1. 0.]
         [1. 0. 0.]]
    """
    with tf.name_scope(name or "hardmax"):
        logits = tf.convert_to_tensor(logits)
        check(logits.shape.rank != 0, "logits", Verbatim(logits.shape), "have at least one axis")
        return tf.one_hot(tf.argmax(logits, -1), tf.shape(logits)[-1], dtype=logits.dtype)
