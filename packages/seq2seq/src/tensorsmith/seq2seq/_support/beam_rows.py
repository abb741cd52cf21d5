"""Rows of tensors: a row for each beam of each sequence, or an axis for the beams."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors, Tensor
from tensorsmith.seq2seq._support.structures import is_array


def merged(structure: NestedTensors) -> NestedTensors:
    """Return tensors of shape `(batch, beams, ...)` with the shape `(batch * beams, ...)`. Scalars do not change."""

    def merge(tensor: Any) -> Any:
        if is_array(tensor) or tensor.shape.rank < 2:
            return tensor
        batch, beams, *sizes = tensor.shape
        known = None if None in (batch, beams) else batch * beams
        flat = tf.reshape(tensor, tf.concat([[-1], tf.shape(tensor)[2:]], 0))
        return tf.ensure_shape(flat, [known, *sizes])

    return tf.nest.map_structure(merge, structure)


def split(structure: NestedTensors, beams: int) -> NestedTensors:
    """Return tensors of shape `(batch * beams, ...)` with the shape `(batch, beams, ...)`. Scalars do not change."""

    def divide(tensor: Any) -> Any:
        if is_array(tensor) or tensor.shape.rank == 0:
            return tensor
        rows, *sizes = tensor.shape
        whole = tf.reshape(tensor, tf.concat([[-1, beams], tf.shape(tensor)[1:]], 0))
        return tf.ensure_shape(whole, [None if rows is None else rows // beams, beams, *sizes])

    return tf.nest.map_structure(divide, structure)


def repeated(name: str, structure: NestedTensors, rows: Tensor) -> NestedTensors:
    """Return tensors with a row for each beam, which are repeated if they have a row for each sequence.

    Args:
        name: Name of the argument, for errors.
        structure: Tensors with `batch` or `batch * beams` rows. Scalars do not change.
        rows: `batch * beams`, a scalar.

    Raises:
        ValueError: If a tensor has another number of rows, which is known.
    """
    known = tf.get_static_value(rows)

    def repeat(tensor: Any) -> Any:
        if tensor is None or is_array(tensor):
            return tensor
        tensor = tf.convert_to_tensor(tensor)
        count = tensor.shape[0] if tensor.shape.rank else known
        if known is not None and count == known:
            return tensor
        valid = known is None or count is None or (count > 0 and known % count == 0)
        check(valid, name, Verbatim(f"{count} rows"), f"have a row for each sequence, or for each of the {known} beams")
        whole = tf.repeat(tensor, rows // tf.maximum(tf.shape(tensor)[0], 1), axis=0)
        same = tf.debugging.assert_equal(tf.shape(whole)[0], rows, f"{name} must have a row for each sequence.")
        with tf.control_dependencies([same]):
            return tf.ensure_shape(whole, [known, *tensor.shape[1:]])

    return tf.nest.map_structure(repeat, structure)
