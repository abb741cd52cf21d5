"""Dropout masks of recurrent cells, which are the same for all steps of a sequence."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core.types import NestedTensors, Tensor
from tensorsmith.seq2seq._support.rnn_cells import batch_size_of, forget_masks, output_size_of
from tensorsmith.seq2seq.addons.attention_wrapper import AttentionWrapper


def draw_masks(cell: keras.Layer, inputs: NestedTensors, state: Any) -> None:
    """Draw the dropout masks of a cell and of the cells in it, before the loop over the steps.

    The cells of Keras keep their masks until they are reset. A mask that is drawn in the graph of the loop could not be
    used outside of it.

    Args:
        cell: Recurrent cell.
        inputs: Inputs of the first step, of which only the shapes and dtypes are used.
        state: Initial state of the cell.
    """
    first: Tensor = tf.nest.flatten(inputs)[0]
    if isinstance(cell, keras.layers.StackedRNNCells):
        for each, part in zip(cell.cells, state, strict=True):
            draw_masks(each, inputs, part)
            inputs = tf.zeros([batch_size_of(first), output_size_of(each)], first.dtype)
    elif isinstance(cell, AttentionWrapper):
        size = cell.cell_input_shape(tuple(first.shape))[-1]
        draw_masks(cell.cell, tf.zeros([batch_size_of(first), size], first.dtype), state.cell_state)
    elif hasattr(cell, "reset_dropout_mask"):
        forget_masks(cell)
        cell.get_dropout_mask(first)
        cell.get_recurrent_dropout_mask(tf.nest.flatten(state)[0])
    elif hasattr(cell, "cell"):
        draw_masks(cell.cell, inputs, state)
