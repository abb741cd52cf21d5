"""State of a recurrent cell with attention."""

from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors, Tensor
from tensorsmith.seq2seq._support.structures import is_array, like


class AttentionWrapperState(NamedTuple):
    """State of an `AttentionWrapper`.

    With a list of attention mechanisms, `alignments`, `alignment_history` and `attention_state` are tuples with one
    entry for each mechanism.

    Attributes:
        cell_state: State of the wrapped cell.
        attention: Attention of the last step, of shape `(batch, attention_size)`.
        alignments: Attention weights of the last step, of shape `(batch, positions)`.
        alignment_history: `TensorArray` with the attention weights of all steps, or an empty tuple.
        attention_state: State of the attention mechanism.
    """

    cell_state: NestedTensors
    attention: Tensor
    alignments: Any
    alignment_history: Any
    attention_state: Any

    def clone(self, **kwargs: Any) -> "AttentionWrapperState":
        """Return a state in which some parts are replaced by others of the same shape.

        Lists, tuples and tensors may replace each other, if they contain the same number of tensors.

        Args:
            **kwargs: Parts to replace, such as `cell_state`.

        Raises:
            ValueError: If a part is unknown, or the shape of a tensor differs. In graphs, the error is an
                `InvalidArgumentError` if a shape is only known at run time.

        Example:
            >>> import keras
            >>> from tensorsmith.seq2seq import AttentionWrapper, LuongAttention
            >>> mechanism = LuongAttention(8, memory=keras.random.normal((2, 5, 3)))
            >>> cell = AttentionWrapper(keras.layers.LSTMCell(8), mechanism)
            >>> state = cell.get_initial_state(batch_size=2).clone(cell_state=[keras.ops.ones((2, 8))] * 2)
            >>> print(state.cell_state[0][0, :3].numpy())
            [1. 1. 1.]
        """
        for name, given in kwargs.items():
            check(name in self._fields, "clone", Verbatim(f"the argument {name}"), f"called with {self._fields} only")
            kwargs[name] = _replacing(name, getattr(self, name), given)
        return self._replace(**kwargs)


def _replacing(name: str, old: NestedTensors, new: NestedTensors) -> NestedTensors:
    """Return a new part of a state in the structure of the old one, after a check of the shapes."""
    parts, given = tf.nest.flatten(old), tf.nest.flatten(new)
    check(len(parts) == len(given), name, Verbatim(f"{len(given)} tensors"), f"a structure of {len(parts)} tensors")
    return like(old, [_with_same_shape(name, *pair) for pair in zip(parts, given, strict=True)])


def _with_same_shape(name: str, old: Any, new: Any) -> Any:
    if is_array(old) or is_array(new):
        return new
    new = tf.convert_to_tensor(new)
    expected = f"have shape {old.shape}, as in the state"
    check(new.shape.is_compatible_with(old.shape), name, Verbatim(new.shape), expected)
    if new.shape.is_fully_defined() and old.shape.is_fully_defined():
        return new
    message = f"{name} must have the shape that it has in the state."
    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(new), tf.shape(old), message)]):
        return tf.identity(new)


def without_histories(state: Any) -> Any:
    """Return a state without the alignment histories, which layers of Keras do not accept in their inputs."""
    if isinstance(state, AttentionWrapperState):
        history = tf.nest.map_structure(lambda _: (), state.alignment_history)
        return state._replace(cell_state=without_histories(state.cell_state), alignment_history=history)
    return [without_histories(each) for each in state] if type(state) in (list, tuple) else state


def with_histories(old: Any, new: Any) -> Any:
    """Return a new state with the alignment histories of the old one, to which the new alignments are added."""
    if isinstance(old, AttentionWrapperState):
        histories, alignments = tf.nest.flatten(old.alignment_history), tf.nest.flatten(new.alignments)
        pairs = zip(histories, alignments, strict=bool(histories))
        history = like(old.alignment_history, [array.write(array.size(), each) for array, each in pairs])
        return new._replace(cell_state=with_histories(old.cell_state, new.cell_state), alignment_history=history)
    if type(old) in (list, tuple):
        return type(old)(map(with_histories, old, new))
    return new
