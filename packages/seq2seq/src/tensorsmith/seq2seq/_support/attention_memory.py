"""Memory of an attention mechanism."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike

REMEDY = "pass `memory` to the constructor of the mechanism or to the decoder, or call `setup_memory`"


@dataclass(frozen=True)
class Memory:
    """Memory of an attention mechanism, and the tensors that are computed from it.

    Attributes:
        values: Tensor of shape `(batch, positions, features)`, with zeros at masked positions.
        keys: Tensor of shape `(batch, positions, units)`, or `None` if the memory is symbolic.
        valid: Boolean tensor of shape `(batch, positions)`, or `None` if all positions are valid.
        symbolic: Symbolic tensors of a functional model: the memory, and its lengths or its mask. Empty otherwise.
    """

    values: Any
    keys: Any = None
    valid: Tensor | None = None
    symbolic: tuple[Any, ...] = ()

    @property
    def tensors(self) -> list[Tensor]:
        """The values, the keys, and the mask unless it is `None`."""
        return [each for each in (self.values, self.keys, self.valid) if each is not None]


def is_symbolic(structure: Any) -> bool:
    """Return `True` if a nested structure contains symbolic tensors of a functional model."""
    return any(isinstance(each, keras.KerasTensor) for each in keras.tree.flatten(structure))


def check_usable(memory: Memory | None) -> None:
    """Raise a `ValueError` unless queries can read a memory."""
    check(memory is not None, "memory", None, "set up before a query", REMEDY)
    assert memory is not None
    received = Verbatim("a symbolic tensor of a functional model")
    check(not memory.symbolic, "memory", received, "a tensor with values", REMEDY)
    dead = tf.executing_eagerly() and tf.is_symbolic_tensor(memory.keys)
    received = Verbatim("a tensor of a graph that has been traced before")
    check(not dead, "memory", received, "set up in eager execution before an eager query", "call `setup_memory` again")


def batch_size_checks(memory: Memory | None, name: str, tensor: Tensor) -> list[tf.Operation]:
    """Raise an error unless a tensor has the batch size of a memory.

    Returns:
        The operations on which the use of the tensor must depend in a graph, if a size is only known at run time.

    Raises:
        ValueError: If there is no memory, or both sizes are known and differ.
    """
    check_usable(memory)
    assert memory is not None
    expected = "have the batch size of the memory of the attention mechanism"
    received = Verbatim(f"shape {tensor.shape} for a memory of shape {memory.values.shape}")
    same = tensor.shape[:1].is_compatible_with(memory.values.shape[:1])
    check(same, name, received, expected, "for a beam search, repeat the memory and the state with `tile_batch`")
    if None not in (tensor.shape[0], memory.values.shape[0]):
        return []
    message = f"{name} must {expected}."
    return [tf.debugging.assert_equal(tf.shape(tensor)[0], tf.shape(memory.values)[0], message)]


def prepared(
    memory: TensorLike, lengths: TensorLike | None, mask: TensorLike | None, dtype: str
) -> tuple[Tensor, Tensor | None]:
    """Return the memory with zeros at masked positions, and a mask of the valid positions or `None`.

    Raises:
        ValueError: If a tensor has the wrong shape, both lengths and a mask are given, or a length is 0.
        tf.errors.InvalidArgumentError: If a shape or a length that is only known at run time is wrong.
    """
    values = tf.cast(tf.convert_to_tensor(memory), dtype)
    shape = values.shape
    valid = shape.rank == 3 and shape[-1] is not None
    check(valid, "memory", Verbatim(shape), "have shape (batch, positions, features) with a known number of features")
    check(
        lengths is None or mask is None,
        "memory_mask",
        Verbatim("a mask"),
        "None if there is a `memory_sequence_length`",
    )
    name = "memory_mask" if lengths is None else "memory_sequence_length"
    if lengths is not None:
        counts: Any = tf.convert_to_tensor(lengths)
        expected = f"have shape (batch,) = {tuple(shape[:1])} and contain integers"
        valid = counts.shape.is_compatible_with(shape[:1]) and counts.dtype.is_integer
        check(valid, "memory_sequence_length", Verbatim(f"{counts.dtype.name} of shape {counts.shape}"), expected)
        with tf.control_dependencies(_positive(counts)):
            mask = tf.sequence_mask(counts, tf.shape(values)[1])
    if mask is None:
        return values, None
    inside: Any = tf.cast(tf.convert_to_tensor(mask), tf.bool)
    expected = f"have shape (batch, positions) = {tuple(shape[:2])}"
    check(inside.shape.is_compatible_with(shape[:2]), "memory_mask", Verbatim(inside.shape), expected)
    with tf.control_dependencies(_same_sizes(name, inside, values)):
        return tf.where(inside[..., tf.newaxis], values, tf.zeros_like(values)), tf.identity(inside)


def _same_sizes(name: str, mask: Tensor, values: Tensor) -> list[tf.Operation]:
    """Check sizes that are only known at run time, because a mask with a size of 1 would be broadcast.

    Returns:
        The operations on which the use of the mask must depend in a graph.
    """
    if mask.shape.is_fully_defined() and values.shape[:2].is_fully_defined():
        return []
    axes = "(batch, positions)" if name == "memory_mask" else "(batch,)"
    message = f"{name} must have shape {axes}, with the sizes of the memory."
    return [tf.debugging.assert_equal(tf.shape(mask), tf.shape(values)[:2], message)]


def _positive(lengths: Tensor) -> list[tf.Operation]:
    """Check that no memory is empty, because its attention weights would be those of equal scores.

    Returns:
        The operations on which the use of the lengths must depend in a graph.
    """
    known = tf.get_static_value(lengths)
    if known is None:
        return [tf.debugging.assert_positive(lengths, "memory_sequence_length must contain positive integers.")]
    check(bool((known > 0).all()), "memory_sequence_length", known.tolist(), "contain positive integers")
    return []
