"""Recurrent cells: checks, sizes, initial states and calls."""

import inspect
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors, Scalar, Shape, Tensor
from tensorsmith.seq2seq._support.structures import is_array, like
from tensorsmith.seq2seq.addons.attention_wrapper_state import with_histories, without_histories


def check_cell(name: str, cell: keras.Layer) -> None:
    """Raise a `ValueError` unless an argument is a recurrent cell."""
    valid = isinstance(cell, keras.Layer) and hasattr(cell, "state_size") and not isinstance(cell, keras.layers.RNN)
    check(valid, name, cell, "a recurrent cell", "pass for example keras.layers.LSTMCell(8)")


def check_layer(name: str, layer: keras.Layer | None) -> None:
    """Raise a `ValueError` unless an argument is a layer or `None`."""
    check(layer is None or isinstance(layer, keras.Layer), name, layer, "a Keras layer or None")


def output_size_of(cell: keras.Layer) -> int:
    """Return the number of outputs of a cell, which is the size of its first state unless it has an `output_size`."""
    size: int | None = getattr(cell, "output_size", None)
    return tf.nest.flatten(cell.state_size)[0] if size is None else size


def outputs_of(cell: keras.Layer, output_layer: keras.Layer | None) -> keras.KerasTensor:
    """Return the shape and dtype of the outputs of a cell, or of an optional layer on top of it."""
    outputs = keras.KerasTensor((None, output_size_of(cell)), cell.compute_dtype)
    return outputs if output_layer is None else output_layer.compute_output_spec(outputs)


def build_once(layer: keras.Layer | None, input_shape: Shape) -> None:
    """Create the weights of a layer if there is one and it has none yet."""
    if layer is not None and not layer.built:
        layer.build(input_shape)
        layer.built = True


def build_cell(cell: keras.Layer, input_shape: Shape, output_layer: keras.Layer | None = None) -> None:
    """Create the weights of a cell and of a layer for its outputs, which is not possible in the graph of a loop."""
    build_once(cell, input_shape)
    if output_layer is not None and not output_layer.built:
        build_once(output_layer, (None, output_size_of(cell)))


def step_shape(inputs: NestedTensors) -> Any:
    """Return the shape of the inputs of a step with an unknown batch size."""
    return tf.nest.map_structure(lambda each: (None, *each.shape[1:]), inputs)


def batch_size_of(tensor: Tensor) -> Scalar:
    """Return the batch size of a tensor, as an integer if it is known statically."""
    return tensor.shape[0] or tf.shape(tensor)[0]


def initial_state_of(cell: keras.Layer, batch_size: Scalar, dtype: tf.DType | str) -> NestedTensors:
    """Return the initial state of a cell."""
    if not hasattr(cell, "get_initial_state"):
        return tf.nest.map_structure(lambda size: tf.zeros([batch_size, size], dtype), cell.state_size)
    known = inspect.signature(cell.get_initial_state).parameters
    options = {"dtype": dtype} if "dtype" in known else {}
    state = cell.get_initial_state(batch_size=batch_size, **options)
    return tf.nest.map_structure(lambda each: each if is_array(each) else tf.cast(each, dtype), state)


def call_cell(
    cell: keras.Layer, inputs: NestedTensors, state: NestedTensors, training: bool | None
) -> tuple[Tensor, NestedTensors]:
    """Return the outputs of a cell and its new state, which has the structure of the given state."""
    without = without_histories(state)
    # Cells may be written for lists only, and would read the first row of a single tensor.
    states = without if tf.nest.is_nested(without) else [without]
    outputs, new = cell(inputs, states) if training is None else cell(inputs, states, training=training)
    return outputs, with_histories(state, like(without, new))


def compute(
    cell: keras.Layer,
    output_layer: keras.Layer | None,
    inputs: NestedTensors,
    state: NestedTensors,
    training: bool | None,
) -> tuple[Tensor, NestedTensors]:
    """Return the outputs of a cell and an optional layer on top of it, usually logits, and the new state."""
    outputs, new = call_cell(cell, inputs, state, training)
    return (outputs if output_layer is None else output_layer(outputs)), new


def check_state(state: NestedTensors, batch_size: Tensor) -> list[tf.Operation]:
    """Raise an error unless all tensors of an initial state have a batch size.

    Returns:
        The operations on which the use of the state must depend in a graph, if a size is only known at run time.

    Raises:
        ValueError: If the sizes are known and differ.
    """
    known, checks = tf.get_static_value(batch_size), []
    for each in tf.nest.flatten(state):
        if is_array(each) or not each.shape.rank:
            continue
        received = Verbatim(f"a tensor of shape {each.shape}")
        expected = f"have the batch size of the inputs, {known}, as the first size of each tensor"
        check(known is None or each.shape[0] in (None, known), "initial_state", received, expected)
        if known is None or each.shape[0] is None:
            message = "initial_state must have the batch size of the inputs."
            checks.append(tf.debugging.assert_equal(tf.shape(each)[0], batch_size, message))
    return checks


def forget_masks(cell: Any) -> None:
    """Remove the dropout masks of a cell and of the cells in it."""
    if hasattr(cell, "reset_dropout_mask"):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    for inner in [*getattr(cell, "cells", ()), getattr(cell, "cell", None)]:
        if inner is not None:
            forget_masks(inner)
