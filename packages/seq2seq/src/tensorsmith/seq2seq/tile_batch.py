"""Repetition of each entry of a batch, for example once per beam of a beam search."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import NestedTensors, TensorLike


def tile_batch(t: NestedTensors, multiplier: int, name: str | None = None) -> NestedTensors:
    """Repeat each entry of a batch, as a beam search needs for the states of its encoder.

    Copies of an entry are adjacent: a batch `[a, b]` becomes `[a, a, b, b]` with `multiplier=2`.

    Source: `tile_batch` of TensorFlow Addons.

    Args:
        t: Tensor of shape `(batch, ...)`, or a nested structure of such tensors, such as the states of an LSTM.
        multiplier: Positive integer, the number of copies of each entry.
        name: Name scope of the operations.

    Returns:
        A tensor of shape `(batch * multiplier, ...)`, or a nested structure of such tensors.

    Raises:
        ValueError: If `multiplier` is not a positive integer, or a tensor is a scalar or has an unknown rank.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import tile_batch
        >>> print(tile_batch(tf.constant([[1, 2], [3, 4]]), 2).numpy())
        [[1 2]
         [1 2]
         [3 4]
         [3 4]]
        >>> state = tile_batch({"h": tf.zeros((2, 8)), "c": tf.zeros((2, 8))}, 3)
        >>> print(state["h"].shape)
        (6, 8)
    """
    check(is_integer(multiplier) and multiplier > 0, "multiplier", multiplier, "a positive integer")

    def tiled(tensor: TensorLike) -> tf.Tensor:
        tensor = tf.convert_to_tensor(tensor)
        check(bool(tensor.shape.rank), "t", Verbatim(tensor.shape), "have shape (batch, ...) with a known rank")
        return tf.repeat(tensor, multiplier, axis=0)

    with tf.name_scope(name or "tile_batch"):
        return tf.nest.map_structure(tiled, t)
