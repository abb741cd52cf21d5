"""Recurrent cell with attention."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, export, is_integer, plain
from tensorsmith.core.types import DType, NestedTensors, Scalar, Shape, Tensor
from tensorsmith.seq2seq._support.attention_memory import REMEDY, batch_size_checks, is_symbolic
from tensorsmith.seq2seq._support.cell_memory import call_with_memory, set_up_memories
from tensorsmith.seq2seq._support.functions import restored, saved
from tensorsmith.seq2seq._support.opaque import Opaque
from tensorsmith.seq2seq._support.rnn_cells import (
    batch_size_of,
    build_cell,
    build_once,
    call_cell,
    check_cell,
    forget_masks,
    initial_state_of,
    output_size_of,
)
from tensorsmith.seq2seq.addons.attention_mechanism import AttentionMechanism
from tensorsmith.seq2seq.addons.attention_wrapper_state import (
    AttentionWrapperState,
    with_histories,
    without_histories,
)

AttentionFn = Callable[[AttentionMechanism, Tensor, Tensor, keras.Layer | None], tuple[Tensor, Tensor, Tensor]]


@export
class AttentionWrapper(keras.layers.Layer):
    """Recurrent cell that wraps another cell, and attends to the memory of one or several attention mechanisms.

    At each step, the inputs and the attention of the last step are the inputs of the cell. Its output is the query of
    the attention mechanism. The memory is set up through the mechanism, or passed to the call of a decoder; it is not
    part of the config and of saved models.

    Formula, for the memory m:

        output, cell_state = cell(concat(inputs, attention), cell_state)
        alignments = attention_mechanism(output)
        context = sum_t alignments[t] m[t]
        attention = attention_layer(concat(output, context)), or context without an attention layer

    `BeamSearchDecoder` and other decoders use the cell. For a beam search, the memory and the states of the encoder are
    repeated with `tile_batch`. `keras.layers.RNN` can use the cell as well, if the memory is set up before the call and
    there is no alignment history.

    Source: Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015; Bahdanau et al.,
    "Neural Machine Translation by Jointly Learning to Align and Translate", 2015; `AttentionWrapper` of TensorFlow
    Addons.

    Args:
        cell: Recurrent cell, such as `keras.layers.LSTMCell(8)`.
        attention_mechanism: `AttentionMechanism`, or a list of them.
        attention_layer_size: Number of outputs of a dense layer without bias that computes the attention, or a list
            with one number for each mechanism. If `None`, the attention is the context.
        alignment_history: If `True`, the state contains the attention weights of all steps in a `TensorArray`.
        cell_input_fn: Function of the inputs and the attention that returns the inputs of the cell. By default, they
            are concatenated.
        output_attention: If `True`, the output is the attention, as in Luong et al. Otherwise, it is the output of the
            cell, as in Bahdanau et al.
        initial_cell_state: State of the cell in the result of `get_initial_state`. It is not saved.
        name: Name of the layer.
        attention_layer: Layer that computes the attention from the output and the context, or a list with one for each
            mechanism, instead of `attention_layer_size`.
        attention_fn: Function of the mechanism, the output of the cell, the attention state and the attention layer or
            `None`, that returns the attention, the attention weights and the next attention state, instead of the
            formula.
        **kwargs: Base layer keyword arguments, such as `dtype` and `trainable`.

    Call arguments:
        inputs: Tensor of shape `(batch, features)`.
        state: `AttentionWrapperState`, or a sequence of its parts.
        memory: Memory for this call: a tensor of shape `(batch, positions, features)` for all mechanisms, or a list
            with one for each. If `None`, the memory has been set up before. `memory_sequence_length` and `memory_mask`
            are arguments as well.
        training: Boolean, passed to the cell.

    Input shape:
        `(batch, features)`, and the shapes of the state.

    Output shape:
        The attention, `(batch, attention_size)`, or the output of the cell, and an `AttentionWrapperState`.

    Raises:
        ValueError: If an argument is invalid, there is no memory, or the batch sizes of memory and inputs differ.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import AttentionWrapper, LuongAttention
        >>> mechanism = LuongAttention(8, memory=keras.random.normal((2, 5, 3)))
        >>> cell = AttentionWrapper(keras.layers.LSTMCell(8), mechanism, attention_layer_size=6)
        >>> output, state = cell(keras.random.normal((2, 4)), cell.get_initial_state(batch_size=2))
        >>> output.shape, state.alignments.shape
        (TensorShape([2, 6]), TensorShape([2, 5]))
    """

    def __init__(
        self,
        cell: keras.Layer,
        attention_mechanism: AttentionMechanism | Sequence[AttentionMechanism],
        attention_layer_size: int | Sequence[int] | None = None,
        alignment_history: bool = False,
        cell_input_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
        output_attention: bool = True,
        initial_cell_state: NestedTensors | None = None,
        name: str | None = None,
        attention_layer: keras.Layer | Sequence[keras.Layer] | None = None,
        attention_fn: AttentionFn | None = None,
        **kwargs: Any,
    ):
        check_cell("cell", cell)
        several = isinstance(attention_mechanism, list | tuple)
        mechanisms = _listed(attention_mechanism)
        valid = bool(mechanisms) and all(isinstance(each, AttentionMechanism) for each in mechanisms)
        check(valid, "attention_mechanism", attention_mechanism, "an AttentionMechanism or a list of them")
        for function_name, function in (("cell_input_fn", cell_input_fn), ("attention_fn", attention_fn)):
            check(function is None or callable(function), function_name, function, "a function or None")
        layers = _attention_layers(attention_layer_size, attention_layer, len(mechanisms), kwargs.get("dtype"))
        super().__init__(name=name, **kwargs)
        # Weights are in the order of TensorFlow Addons: those of the attention layers, the cell and the mechanisms.
        self.attention_layers = layers
        self.cell = cell
        self.attention_mechanisms = mechanisms
        self.has_several_mechanisms = several
        self.alignment_history = alignment_history
        self.cell_input_fn = cell_input_fn
        self.output_attention = output_attention
        self.attention_fn = attention_fn
        self.supports_masking = True
        self.memory_features: list[int | None] = [None] * len(mechanisms)
        self._initial_cell_state = Opaque(self._checked_cell_state(initial_cell_state))

    def _checked_cell_state(self, state: NestedTensors | None) -> NestedTensors | None:
        if state is None:
            return None
        received, remedy = Verbatim("a symbolic tensor"), "pass it to the decoder as `initial_state`"
        check(not is_symbolic(state), "initial_cell_state", received, "a tensor with values", remedy)
        state = tf.nest.map_structure(tf.convert_to_tensor, state)
        with tf.control_dependencies(self._batch_size_checks("initial_cell_state", tf.nest.flatten(state)[-1])):
            return tf.nest.map_structure(tf.identity, state)

    def _batch_size_checks(self, name: str, tensor: Tensor) -> list[tf.Operation]:
        """Return the operations that compare the batch size of a tensor with those of the memories at run time."""
        return [check for each in self.attention_mechanisms for check in batch_size_checks(each.memory, name, tensor)]

    @property
    def _context_sizes(self) -> list[Any]:
        """Numbers of features of the memories, or `None` for a memory that has not been set up."""
        pairs = zip(self.attention_mechanisms, self.memory_features, strict=True)
        return [known if each.values is None else each.values.shape[-1] for each, known in pairs]

    @property
    def attention_size(self) -> Any:
        """Size of the attention of all mechanisms, or `None` if it is that of a memory that has not been set up."""
        sizes: list[Any] = self._context_sizes
        if self.attention_layers is not None:
            layers, outputs = self.attention_layers, output_size_of(self.cell)
            shapes = [(None, None if size is None else outputs + size) for size in sizes]
            sizes = [layer.compute_output_shape(shape)[-1] for layer, shape in zip(layers, shapes, strict=True)]
        return None if None in sizes else sum(sizes)

    @property
    def output_size(self) -> int | None:
        """Size of the outputs."""
        return self.attention_size if self.output_attention else output_size_of(self.cell)

    @property
    def state_size(self) -> AttentionWrapperState:
        """Sizes of the parts of the state."""
        sizes = self._item_or_tuple([each.alignments_size for each in self.attention_mechanisms])
        states = self._item_or_tuple([each.state_size for each in self.attention_mechanisms])
        history = sizes if self.alignment_history else self._item_or_tuple([() for _ in self.attention_mechanisms])
        return AttentionWrapperState(self.cell.state_size, self.attention_size, sizes, history, states)

    def _item_or_tuple(self, items: Sequence[Any]) -> Any:
        """Return a tuple with an entry for each mechanism, or the only entry if the mechanism was not in a list."""
        return tuple(items) if self.has_several_mechanisms else items[0]

    def __call__(self, inputs: Any, state: Any, **kwargs: Any) -> tuple[Tensor, AttentionWrapperState]:
        """Call the layer. Keras does not accept the `TensorArray` of the alignment history, which is written here."""
        state = as_wrapper_state(state)
        output, new = call_with_memory(super().__call__, self, inputs, without_histories(state), **kwargs)
        return output, with_histories(state, new)

    def build(self, inputs_shape: Shape, state_shape: Any = None, memory_shape: Any = None) -> None:
        """Create the weights of the cell, the mechanisms and the attention layers."""
        if memory_shape is not None:
            shapes = memory_shape if isinstance(memory_shape[0], list | tuple) else [memory_shape]
            self.memory_features = [shape[-1] for shape in shapes] * (len(self.attention_mechanisms) // len(shapes))
        self.memory_features = sizes = self._context_sizes
        check(None not in sizes, "memory", None, "set up before the first call", REMEDY)
        build_cell(self.cell, self.cell_input_shape(inputs_shape))
        outputs = output_size_of(self.cell)
        for mechanism, size in zip(self.attention_mechanisms, sizes, strict=True):
            build_once(mechanism, (None, outputs))
            build_once(mechanism.query_layer, (None, outputs))
            build_once(mechanism.memory_layer, (None, None, size))
        for layer, size in zip(self.attention_layers or (), sizes, strict=bool(self.attention_layers)):
            build_once(layer, (None, outputs + size))

    def cell_input_shape(self, inputs_shape: Any) -> Shape:
        """Return the shape of the inputs of the wrapped cell, given that of the inputs of the layer."""
        if self.cell_input_fn is None:
            return (*inputs_shape[:-1], inputs_shape[-1] + self.attention_size)
        with tf.init_scope():
            sizes = inputs_shape[-1], self.attention_size
            inputs, attention = (tf.zeros((1, size), self.compute_dtype) for size in sizes)
            return (None, *self.cell_input_fn(inputs, attention).shape[1:])

    def call(
        self,
        inputs: Tensor,
        state: AttentionWrapperState,
        memory: NestedTensors | None = None,
        memory_sequence_length: NestedTensors | None = None,
        memory_mask: NestedTensors | None = None,
        training: bool | None = None,
    ) -> tuple[Tensor, AttentionWrapperState]:
        """Compute one time step."""
        if memory is not None:
            set_up_memories(self.attention_mechanisms, memory, memory_sequence_length, memory_mask)
        first = tf.nest.flatten(inputs)[0]
        checks = self._batch_size_checks("inputs", first)
        same = first.shape[:1].is_compatible_with(state.attention.shape[:1])
        received = Verbatim(f"attention of shape {state.attention.shape} for inputs of shape {first.shape}")
        check(same, "state", received, "have the batch size of the inputs")
        join = self.cell_input_fn or _concatenated
        output, cell_state = call_cell(self.cell, join(inputs, state.attention), state.cell_state, training)
        with tf.control_dependencies(checks):
            query = tf.identity(output)
        attend = self.attention_fn or _attend
        layers = self.attention_layers or [None] * len(self.attention_mechanisms)
        states = state.attention_state if self.has_several_mechanisms else [state.attention_state]
        triples = zip(self.attention_mechanisms, states, layers, strict=True)
        parts = [attend(mechanism, query, each, layer) for mechanism, each, layer in triples]
        attentions, alignments, states = zip(*parts, strict=True)
        attention = tf.concat(attentions, 1)
        new = AttentionWrapperState(
            cell_state,
            attention,
            self._item_or_tuple(alignments),
            state.alignment_history,
            self._item_or_tuple(states),
        )
        return (attention if self.output_attention else query), new

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return `None`, because the outputs have no time axis."""

    def get_initial_state(
        self, inputs: Tensor | None = None, batch_size: Scalar | None = None, dtype: DType | None = None
    ) -> AttentionWrapperState:
        """Return the state before the first step. The memory must have been set up.

        Args:
            inputs: Inputs of a step, which determine the batch size and the dtype, or `None`.
            batch_size: Batch size, if there are no inputs.
            dtype: Data type, if there are no inputs. Defaults to that of the computations of the layer.

        Raises:
            ValueError: If there is no memory, or its batch size differs.
        """
        if inputs is not None:
            batch_size, dtype = batch_size_of(inputs), inputs.dtype
        check(batch_size is not None, "batch_size", batch_size, "given if there are no `inputs`")
        dtype = dtype or self.compute_dtype
        forget_masks(self.cell)  # of dropout, which recurrent layers reset in their own cell only
        given = self._initial_cell_state.value
        state = initial_state_of(self.cell, batch_size, dtype) if given is None else given
        checks = self._batch_size_checks("batch_size", tf.zeros([batch_size, 0]))
        with tf.control_dependencies(checks):
            state = tf.nest.map_structure(tf.identity, state)
        alignments = [each.initial_alignments(batch_size, dtype) for each in self.attention_mechanisms]
        histories = [_empty_history(each) if self.alignment_history else () for each in alignments]
        states = [each.initial_state(batch_size, dtype) for each in self.attention_mechanisms]
        parts = map(self._item_or_tuple, (alignments, histories, states))
        return AttentionWrapperState(state, tf.zeros([batch_size, self.attention_size], dtype), *parts)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer, without memories and the initial state of the cell."""
        mechanisms = [keras.saving.serialize_keras_object(each) for each in self.attention_mechanisms]
        layers = [keras.saving.serialize_keras_object(each) for each in self.attention_layers or ()]
        own = {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "attention_mechanism": self._item_or_list(mechanisms),
            "attention_layer": self._item_or_list(layers) if layers else None,
            "alignment_history": self.alignment_history,
            "cell_input_fn": saved("cell_input_fn", self.cell_input_fn),
            "output_attention": self.output_attention,
            "attention_fn": saved("attention_fn", self.attention_fn),
        }
        return {**super().get_config(), **own}

    def _item_or_list(self, items: list[Any]) -> Any:
        return items if self.has_several_mechanisms else items[0]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AttentionWrapper":
        """Create the layer from its config."""
        parts = "cell", "attention_mechanism", "attention_layer", "cell_input_fn", "attention_fn"
        return cls(**restored(config, *parts))

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shape of the inputs and the sizes of the memories with which the layer was built."""
        config = super().get_build_config() or {}
        shape = config.get("input_shape") or config.get("shapes_dict", {}).get("inputs_shape")
        return None if shape is None else {"input_shape": shape, "memory_features": [*self.memory_features]}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Create the weights before they are loaded."""
        self.build(config["input_shape"], memory_shape=[(None, None, size) for size in config["memory_features"]])


def as_wrapper_state(state: Any) -> AttentionWrapperState:
    """Return a state as a tuple with names, if it is another sequence, as in recurrent layers of Keras."""
    if isinstance(state, AttentionWrapperState):
        return state
    valid = isinstance(state, list | tuple) and len(state) == len(AttentionWrapperState._fields)
    received = f"a sequence of {len(state)}" if isinstance(state, list | tuple) else type(state).__name__
    check(valid, "state", Verbatim(received), "an AttentionWrapperState, or a sequence of its 5 parts")
    return AttentionWrapperState(*state)


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _attention_layers(sizes: Any, layers: Any, count: int, dtype: DType | None) -> list[keras.Layer] | None:
    """Return the attention layers of all mechanisms, given sizes or layers, or `None`."""
    if sizes is not None:
        check(layers is None, "attention_layer", layers, "None if there is an `attention_layer_size`")
        sizes = _listed(sizes)
        valid = len(sizes) == count and all(is_integer(size) and size > 0 for size in sizes)
        check(valid, "attention_layer_size", sizes, f"a list of {count} positive integers, one for each mechanism")
        dense = keras.layers.Dense
        return [dense(plain(size), use_bias=False, dtype=dtype, name="attention_layer") for size in sizes]
    if layers is None:
        return None
    layers = _listed(layers)
    valid = len(layers) == count and all(isinstance(layer, keras.Layer) for layer in layers)
    check(valid, "attention_layer", layers, f"a list of {count} layers, one for each mechanism")
    return layers


def _empty_history(alignments: Tensor) -> tf.TensorArray:
    shape = alignments.shape
    return tf.TensorArray(alignments.dtype, 0, dynamic_size=True, clear_after_read=False, element_shape=shape)


def _concatenated(inputs: Tensor, attention: Tensor) -> Tensor:
    return tf.concat([inputs, attention], -1)


def _attend(
    mechanism: AttentionMechanism, query: Tensor, state: Tensor, layer: keras.Layer | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the attention, the attention weights and the next state of a mechanism."""
    alignments, next_state = mechanism([query, state])
    context = tf.squeeze(tf.matmul(alignments[:, tf.newaxis], mechanism.values), 1)
    return (context if layer is None else layer(tf.concat([query, context], 1))), alignments, next_state
