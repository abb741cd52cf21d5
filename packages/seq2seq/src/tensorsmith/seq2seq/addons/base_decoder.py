"""Base class of decoders that are Keras layers."""

import inspect
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import NestedTensors, Scalar, Shape, Tensor, TensorLike
from tensorsmith.seq2seq._support.attention_memory import is_symbolic
from tensorsmith.seq2seq._support.cell_memory import (
    call_with_memory,
    has_history,
    mechanisms_of,
    set_up_memories,
)
from tensorsmith.seq2seq._support.opaque import Opaque
from tensorsmith.seq2seq._support.structures import is_array
from tensorsmith.seq2seq.addons.dynamic_decode import dynamic_decode


@export
class BaseDecoder(keras.layers.Layer):
    """Base class of decoders that are Keras layers.

    A subclass implements `initialize`, `step` and the properties `batch_size`, `output_size` and `output_dtype`.
    `finalize` is optional. The call initializes the decoder with its arguments, and calls `step` until all sequences
    have ended or `maximum_iterations` is reached, with `dynamic_decode`.

    The memory of the attention mechanisms of the cell can be passed to the call, instead of setting it up before. In a
    functional model, the call receives the memory of the mechanisms if they were created with symbolic tensors. Such
    models can be saved and exported, unlike those of TensorFlow Addons.

    Source: `BaseDecoder` of TensorFlow Addons.

    Args:
        output_time_major: If `True`, outputs have shape `(time, batch, ...)` instead of `(batch, time, ...)`.
        impute_finished: If `True`, the outputs of sequences that have ended are 0, and their states do not change.
        maximum_iterations: Maximum number of steps, a positive integer or a tensor. If `None`, there is no limit.
        parallel_iterations: Argument of `tf.while_loop`.
        swap_memory: Argument of `tf.while_loop`.
        stack_arrays: If `True`, each `TensorArray` in the final state becomes a tensor. In a functional model, this is
            necessary for cells with `alignment_history=True`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Inputs of the decoder, usually of shape `(batch, time, features)`.
        initial_state: Initial state of the cell.
        training: Boolean, passed to the steps.
        memory: Memory of the attention mechanisms of the cell: a tensor of shape `(batch, positions, features)` for all
            mechanisms, or a list with one for each. If `None`, the memory has been set up before.
        memory_sequence_length: Integer tensor of shape `(batch,)` with the numbers of valid positions, or a list of
            them.
        memory_mask: Boolean tensor of shape `(batch, positions)`, instead of lengths, or a list of them. If there are
            neither, the mask that a layer has attached to the memory is used.
        sequence_length: Integer tensor of shape `(batch,)` with the lengths of the inputs.
        mask: Boolean tensor of shape `(batch, time)`, instead of lengths. If there are neither, the mask that a layer
            has attached to the inputs is used.
        **kwargs: Further arguments of `initialize`.

    Input shape:
        That of `initialize`.

    Output shape:
        The outputs of all steps, the final state, and the lengths of the sequences, `(batch,)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import keras, tensorflow as tf
        >>> from tensorsmith.seq2seq import BaseDecoder
        >>> class Doubling(BaseDecoder):  # doubles numbers until they exceed 10
        ...     output_size, output_dtype = tf.TensorShape([]), tf.float32
        ...     batch_size = property(lambda self: self.count)
        ...
        ...     def initialize(self, inputs, initial_state=None, **kwargs):
        ...         self.count = inputs.shape[0]
        ...         return inputs > 10, inputs, ()
        ...
        ...     def step(self, time, inputs, state, training):
        ...         return 2 * inputs, state, 2 * inputs, 2 * inputs > 10
        >>> outputs, state, lengths = Doubling()(keras.ops.array([3.0, 6.0]))
        >>> print(outputs.numpy(), lengths.numpy())
        [[ 6. 12.]
         [12. 24.]] [2 1]
    """

    def __init__(
        self,
        output_time_major: bool = False,
        impute_finished: bool = False,
        maximum_iterations: Scalar | None = None,
        parallel_iterations: int = 32,
        swap_memory: bool = False,
        stack_arrays: bool = False,
        **kwargs: Any,
    ):
        limit: Any = maximum_iterations
        valid = limit is None or tf.is_tensor(limit) or (is_integer(limit) and limit > 0)
        check(valid, "maximum_iterations", maximum_iterations, "a positive integer, a tensor or None")
        valid = is_integer(parallel_iterations) and parallel_iterations > 0
        check(valid, "parallel_iterations", parallel_iterations, "a positive integer")
        super().__init__(**kwargs)
        self.output_time_major = output_time_major
        self.impute_finished = impute_finished
        self.maximum_iterations = plain(maximum_iterations)
        self.parallel_iterations = plain(parallel_iterations)
        self.swap_memory = swap_memory
        self.stack_arrays = stack_arrays
        self.supports_jit = False  # the number of steps depends on the values
        self.supports_masking = True

    def __call__(self, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Call the layer. Keras only accepts tensors as positional arguments, and no `TensorArray` beside tensors."""
        names = list(inspect.signature(self.call).parameters)
        kwargs = {**dict(zip(names[1:], args, strict=False)), **kwargs}
        symbolic = is_symbolic((inputs, kwargs))
        stacked = self.stack_arrays or getattr(self, "reorder_tensor_arrays", False)
        expected = "True in a functional model whose cell has alignment_history=True"
        check(not symbolic or stacked or not has_history(self), "stack_arrays", self.stack_arrays, expected)
        for name, value in kwargs.items():
            # Keras refuses tensors and other values together in a list, a tuple or the dict of unnamed arguments.
            if any(map(is_array, tf.nest.flatten(value))) or (name not in names and not symbolic):
                kwargs[name] = Opaque(value)
        return call_with_memory(super().__call__, self, inputs, **kwargs)

    def build(self, inputs_shape: Shape | None = None) -> None:
        """Do nothing, because `initialize` creates the weights of the cell, whose inputs may differ."""

    def call(
        self,
        inputs: Any,
        initial_state: Any = None,
        training: bool | None = None,
        memory: NestedTensors | None = None,
        memory_sequence_length: NestedTensors | None = None,
        memory_mask: NestedTensors | None = None,
        sequence_length: TensorLike | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any, Tensor]:
        """Return the outputs of all steps, the final state, and the lengths of the sequences."""
        if memory is not None:
            set_up_memories(mechanisms_of(self), memory, memory_sequence_length, memory_mask)
        given = {**kwargs, "sequence_length": sequence_length, "initial_state": initial_state}
        # If the signature had an argument `mask`, Keras would pass the mask of any argument, such as the memory.
        if sequence_length is None and given.get("mask") is None and tf.is_tensor(inputs):
            given["mask"] = keras_mask(inputs)
        given = {name: _unwrapped(value) for name, value in given.items() if value is not None}
        outputs, state, lengths = dynamic_decode(
            self,
            output_time_major=self.output_time_major,
            impute_finished=self.impute_finished,
            maximum_iterations=self.maximum_iterations,
            parallel_iterations=self.parallel_iterations,
            swap_memory=self.swap_memory,
            training=training,
            decoder_init_input=inputs,
            decoder_init_kwargs=given,
        )
        if self.stack_arrays:
            state = tf.nest.map_structure(lambda each: each.stack() if is_array(each) else each, state)
        return outputs, state, lengths

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return `None`. The call returns the lengths of the outputs instead of a mask."""

    @property
    def batch_size(self) -> Any:
        """Batch size, an integer or a scalar tensor."""
        raise NotImplementedError

    @property
    def output_size(self) -> Any:
        """Shapes of the outputs of a step without the batch axis, as a nested structure of `TensorShape`."""
        raise NotImplementedError

    @property
    def output_dtype(self) -> Any:
        """Data types of the outputs of a step, with the structure of `output_size`."""
        raise NotImplementedError

    def initialize(self, *args: Any, **kwargs: Any) -> tuple[Tensor, NestedTensors, NestedTensors]:
        """Return the values before the first step.

        Args:
            *args: Inputs of the decoder.
            **kwargs: Further arguments of the call that are not `None`, such as `initial_state`.

        Returns:
            A boolean tensor of shape `(batch,)` with the sequences that have ended, the inputs of the first step, and
            the initial state.
        """
        raise NotImplementedError

    def step(
        self, time: Scalar, inputs: Any, state: Any, training: bool | None
    ) -> tuple[NestedTensors, NestedTensors, NestedTensors, Tensor]:
        """Compute one step.

        Args:
            time: Number of the step, starting from 0.
            inputs: Inputs of the step.
            state: State after the last step.
            training: If `True`, the step is part of training.

        Returns:
            The outputs, the new state, the inputs of the next step, and a boolean tensor with the sequences that have
            ended.
        """
        raise NotImplementedError

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Tensor) -> tuple[NestedTensors, NestedTensors]:
        """Return the outputs of all steps, of shape `(time, batch, ...)`, and the final state after changes.

        Args:
            outputs: Outputs of all steps.
            final_state: State after the last step.
            sequence_lengths: Lengths of the sequences.
        """
        raise NotImplementedError

    @property
    def tracks_own_finished(self) -> bool:
        """`True` if `step` reports sequences that have ended before as ended, for example because it reorders them."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer."""
        limit = self.maximum_iterations
        own = {
            "output_time_major": self.output_time_major,
            "impute_finished": self.impute_finished,
            "maximum_iterations": int(limit) if tf.is_tensor(limit) else limit,
            "parallel_iterations": self.parallel_iterations,
            "swap_memory": self.swap_memory,
            "stack_arrays": self.stack_arrays,
        }
        return {**super().get_config(), **own}


def _unwrapped(value: Any) -> Any:
    return value.value if isinstance(value, Opaque) else value
