"""Nested structures of tensors."""

from typing import Any

import tensorflow as tf

from tensorsmith.core.types import NestedTensors, Tensor


def is_array(tensor: Any) -> bool:
    """Return `True` if an entry of a state is a `TensorArray`, which Keras does not accept as an input of a layer."""
    return isinstance(tensor, tf.TensorArray)


def like(structure: NestedTensors, tensors: NestedTensors) -> NestedTensors:
    """Return tensors in the nested structure of other tensors, such as a list instead of a tuple."""
    return tf.nest.pack_sequence_as(structure, tf.nest.flatten(tensors))


def where_rows(rows: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the rows of the first tensor where `rows` is `True`, and those of the second one where it is `False`.

    Unlike in `tf.where`, the axes of `rows` are the first axes of the tensors.
    """
    axes = (1,) * (first.shape.rank - rows.shape.rank)
    return tf.where(tf.reshape(rows, [*tf.unstack(tf.shape(rows)), *axes]), first, second)
