"""Inputs of samplers: time steps, lengths and embeddings."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike

Embed = Callable[[Tensor], Tensor]


class TimeSteps:
    """Time steps of sequences, which are read one after another.

    Args:
        sequences: Tensor of shape `(time, batch, ...)`, or a nested structure of such tensors.
    """

    def __init__(self, sequences: NestedTensors):
        # Reading steps of a tensor itself would have gradients of the size of the tensor for each step.
        self._arrays = [_array(each) for each in tf.nest.flatten(sequences)]
        self._structure = sequences
        self.count = tf.shape(tf.nest.flatten(sequences)[0])[0]

    def read(self, time: Scalar, ended: Tensor) -> NestedTensors:
        """Return the inputs of a step, or zeros after the last step and if all sequences have ended."""
        time = tf.minimum(tf.cast(time, tf.int32), self.count)
        steps = [array.read(time) for array in self._arrays]
        steps = [tf.where(tf.reduce_all(ended), tf.zeros_like(step), step) for step in steps]
        return tf.nest.pack_sequence_as(self._structure, steps)


def _array(sequence: Tensor) -> tf.TensorArray:
    """Return the steps of a tensor, and a step of zeros after them."""
    count = tf.shape(sequence)[0]
    array = tf.TensorArray(sequence.dtype, count + 1, clear_after_read=False, element_shape=sequence.shape[1:])
    end = tf.zeros(tf.concat([[1], tf.shape(sequence)[1:]], 0), sequence.dtype)
    return array.unstack(tf.concat([sequence, end], 0))


def time_major(tensor: TensorLike) -> Tensor:
    """Return a tensor with its first two axes exchanged, unless its rank is below 2."""
    tensor = tf.convert_to_tensor(tensor)
    rank = tensor.shape.rank
    check(rank is not None, "inputs", Verbatim(tensor.shape), "have a known rank")
    return tensor if rank < 2 else tf.transpose(tensor, [1, 0, *range(2, rank)])


def size_of(tensor: Tensor, axis: int) -> Tensor:
    """Return the size of an axis as a scalar tensor, which is constant if the size is known statically."""
    size = tensor.shape[axis]
    return tf.shape(tensor)[axis] if size is None else tf.constant(size)


def checked_lengths(sequence_length: TensorLike) -> Tensor:
    """Return the lengths of sequences as a tensor.

    Raises:
        ValueError: If they are not a vector of integers.
    """
    lengths = tf.convert_to_tensor(sequence_length)
    received = Verbatim(f"{lengths.dtype.name} of shape {lengths.shape}")
    valid = lengths.shape.rank == 1 and lengths.dtype.is_integer
    check(valid, "sequence_length", received, "integers of shape (batch,)")
    return lengths


def lengths_of_mask(mask: TensorLike, is_time_major: bool) -> Tensor:
    """Return the lengths of sequences, given a mask of their steps.

    Raises:
        ValueError: If the mask is not a boolean tensor of rank 2, or is known to have gaps.
        tf.errors.InvalidArgumentError: If a mask that is only known at run time has gaps.
    """
    mask = tf.convert_to_tensor(mask)
    received = Verbatim(f"{mask.dtype.name} of shape {mask.shape}")
    check(mask.shape.rank == 2 and mask.dtype == tf.bool, "mask", received, "a boolean tensor of rank 2")
    mask = tf.transpose(mask) if is_time_major else mask
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    padded = tf.reduce_all(mask == tf.sequence_mask(lengths, tf.shape(mask)[1]))
    known, expected = tf.get_static_value(padded), "True up to the end of a sequence"
    valid = known is None or bool(known)
    check(valid, "mask", Verbatim("a mask with gaps"), expected, "pad sequences at their end")
    with tf.control_dependencies([tf.debugging.Assert(padded, [f"mask must be {expected}."])]):
        return tf.identity(lengths)


def checked_tokens(start_tokens: TensorLike | None, end_token: TensorLike | None) -> tuple[Tensor, Tensor]:
    """Return the start tokens of sequences and the end token as int32 tensors.

    Raises:
        ValueError: If the start tokens are not a vector, or the end token is not a scalar.
    """
    for name, given in (("start_tokens", start_tokens), ("end_token", end_token)):
        check(given is not None, name, given, "given")
    start, end = (tf.cast(tf.convert_to_tensor(each), tf.int32) for each in (start_tokens, end_token))
    check(start.shape.rank == 1, "start_tokens", Verbatim(start.shape), "have shape (batch,)")
    check(end.shape.rank == 0, "end_token", Verbatim(end.shape), "a scalar")
    return start, end


def embedding_function(embedding_fn: Embed | None, embedding: TensorLike | None) -> Embed:
    """Return a function that embeds tokens: the given one, or the rows of an embedding matrix.

    Raises:
        ValueError: If there is neither.
    """
    if embedding_fn is not None:
        return lambda tokens: tf.identity(embedding_fn(tokens))  # without a mask, which cells do not accept
    remedy = "pass an embedding matrix, or `embedding_fn` to the constructor"
    check(embedding is not None, "embedding", embedding, "given if there is no `embedding_fn`", remedy)
    table = tf.convert_to_tensor(embedding) if isinstance(embedding, keras.Variable) else embedding
    return lambda tokens: tf.nn.embedding_lookup(table, tokens)


def checked_function(name: str, function: Any) -> None:
    """Raise a `ValueError` unless an argument is a function or `None`."""
    check(function is None or callable(function), name, function, "a function or None")
