"""Initial states of the cells of decoders."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core.types import NestedTensors, Tensor
from tensorsmith.seq2seq._support.rnn_cells import check_state, initial_state_of
from tensorsmith.seq2seq._support.structures import is_array
from tensorsmith.seq2seq.addons.attention_wrapper import AttentionWrapper, as_wrapper_state
from tensorsmith.seq2seq.addons.attention_wrapper_state import AttentionWrapperState


def completed_state(cell: keras.Layer, state: NestedTensors | None, batch_size: Tensor) -> NestedTensors:
    """Return the initial state of a decoder, after a check of its batch size.

    Args:
        cell: Cell of the decoder.
        state: Initial state, or `None` for that of the cell. For an `AttentionWrapper`, the state of the wrapped cell
            is sufficient. In a functional model, the other parts cannot be created outside of the decoder.
        batch_size: Batch size, a scalar.

    Raises:
        ValueError: If a tensor has another batch size.
    """
    if state is None:
        return initial_state_of(cell, batch_size, cell.compute_dtype)
    state = _completed(cell, state, batch_size)
    state = tf.nest.map_structure(lambda each: each if is_array(each) else tf.convert_to_tensor(each), state)
    with tf.control_dependencies(check_state(state, batch_size)):
        return tf.nest.map_structure(lambda each: each if is_array(each) else tf.identity(each), state)


def _completed(cell: keras.Layer, state: Any, batch_size: Tensor) -> Any:
    if isinstance(cell, AttentionWrapper) and not isinstance(state, AttentionWrapperState):
        if len(tf.nest.flatten(state)) != len(tf.nest.flatten(cell.cell.state_size)):
            return as_wrapper_state(state)
        dtype = tf.convert_to_tensor(tf.nest.flatten(state)[0]).dtype
        return cell.get_initial_state(batch_size=batch_size, dtype=dtype).clone(cell_state=state)
    if isinstance(cell, keras.layers.StackedRNNCells) and isinstance(state, list | tuple):
        return [_completed(*each, batch_size) for each in zip(cell.cells, state, strict=True)]
    return state
