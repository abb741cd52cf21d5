"""Base class of attention mechanisms."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import DType, Scalar, Shape, Tensor, TensorLike
from tensorsmith.seq2seq._support.attention_memory import Memory, check_usable, is_symbolic, prepared
from tensorsmith.seq2seq._support.functions import restored, saved_layer
from tensorsmith.seq2seq._support.rnn_cells import check_layer


@export
class AttentionMechanism(keras.layers.Layer):
    """Base class of attention mechanisms, which hold the memory of a sequence and return attention weights for queries.

    A mechanism is used in two steps. `setup_memory` stores the memory, usually the outputs of an encoder, and the keys,
    which are the memory itself or the result of `memory_layer`. Then each call with a query returns attention weights.
    The memory is not part of the config and of saved models.

    A subclass implements `_calculate_attention(query, state)`, which returns the attention weights and the new state.
    It uses the attributes `keys` and `query_layer`, and the method `probability_fn(score, state)`, which ignores the
    scores of masked positions. If all positions of a mask are `False`, the weights are those of equal scores, and the
    values are 0.

    In a functional model, the memory is a symbolic tensor. Calls then pass it on to the layer, so that the model can be
    saved and exported, unlike those of TensorFlow Addons.

    Source: `AttentionMechanism` of TensorFlow Addons.

    Args:
        memory: Tensor of shape `(batch, positions, features)`, or `None` to pass it later.
        probability_fn: Function of scores and of the previous state, both of shape `(batch, positions)`, that returns
            attention weights.
        query_layer: Layer that is applied to queries, or `None`.
        memory_layer: Layer that computes the keys from the memory, or `None`.
        memory_sequence_length: Integer tensor of shape `(batch,)` with the number of valid positions of each memory. If
            `None`, the mask that a layer has attached to the memory is used.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List of a query, of shape `(batch, units)`, and the previous state, of shape `(batch, positions)`. A
            memory to set up before, and its lengths or its mask, may follow. With `setup_memory=True`, the memory, or a
            list of the memory and its lengths.
        mask: With `setup_memory=True`, boolean tensor of shape `(batch, positions)` with the valid positions. If
            `None`, the mask that a layer has attached to the memory is used.
        setup_memory: If `True`, set up the memory, and return its values.

    Input shape:
        `(batch, units)` and `(batch, positions)`.

    Output shape:
        Attention weights and new state: `(batch, positions)` each.

    Raises:
        ValueError: If there is no memory, a tensor has the wrong shape, or a length is 0.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import AttentionMechanism
        >>> class DotProduct(AttentionMechanism):
        ...     def __init__(self, memory=None, **kwargs):
        ...         super().__init__(memory, lambda score, state: keras.ops.softmax(score), **kwargs)
        ...
        ...     def _calculate_attention(self, query, state):
        ...         alignments = self.probability_fn(keras.ops.einsum("bu,btu->bt", query, self.keys), state)
        ...         return alignments, alignments
        >>> mechanism = DotProduct(memory=keras.ops.ones((2, 5, 3)))
        >>> alignments, state = mechanism([keras.ops.ones((2, 3)), mechanism.initial_state(2, "float32")])
        >>> print(alignments[0].numpy())
        [0.2 0.2 0.2 0.2 0.2]
    """

    def __init__(
        self,
        memory: TensorLike | None,
        probability_fn: Callable[[Tensor, Tensor], Tensor],
        query_layer: keras.Layer | None = None,
        memory_layer: keras.Layer | None = None,
        memory_sequence_length: TensorLike | None = None,
        **kwargs: Any,
    ):
        check(callable(probability_fn), "probability_fn", probability_fn, "a function of scores and the previous state")
        check_layer("query_layer", query_layer)
        check_layer("memory_layer", memory_layer)
        super().__init__(**kwargs)
        self.query_layer = query_layer
        self.memory_layer = memory_layer
        self.default_probability_fn = probability_fn
        self.supports_masking = True
        self.memory: Memory | None = None
        self._accept_memory(memory, memory_sequence_length)

    def _accept_memory(self, memory: TensorLike | None, lengths: TensorLike | None) -> None:
        """Set up the memory that a constructor has received, if any."""
        if memory is not None:
            self.setup_memory(memory, lengths, keras_mask(memory) if lengths is None else None)

    @property
    def memory_initialized(self) -> bool:
        """`True` if there is a memory."""
        return self.memory is not None

    @property
    def values(self) -> Tensor | None:
        """Memory with zeros at masked positions, of shape `(batch, positions, features)`, or `None`."""
        return None if self.memory is None else self.memory.values

    @property
    def keys(self) -> Tensor | None:
        """Keys of the memory, of shape `(batch, positions, units)`, or `None`."""
        return None if self.memory is None else self.memory.keys

    @property
    def batch_size(self) -> Scalar | None:
        """Batch size of the memory: an integer, or a tensor if it is not known statically, or `None`."""
        if self.values is None or is_symbolic(self.values):
            return None
        return self.values.shape[0] or tf.shape(self.values)[0]

    @property
    def alignments_size(self) -> int | None:
        """Number of positions of the memory, or `None` if it is not known statically."""
        return None if self.values is None else self.values.shape[1]

    @property
    def state_size(self) -> int | None:
        """Size of the state of each sequence, which is the number of positions."""
        return self.alignments_size

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Call the layer. In a functional model, the memory becomes one of its inputs."""
        before = self.memory
        if not kwargs.get("setup_memory"):
            valid = isinstance(inputs, list | tuple) and 2 <= len(inputs) <= 4
            received = f"{len(inputs)} items" if isinstance(inputs, list | tuple) else type(inputs).__name__
            expected = "a list of a query, a state and, optionally, the memory and its lengths or mask"
            check(valid, "inputs", Verbatim(received), expected)
            if before is not None and len(inputs) == 2 and is_symbolic(inputs):
                inputs = [*inputs, *before.symbolic]
        found = super().__call__(list(inputs) if isinstance(inputs, tuple) else inputs, **kwargs)
        # A memory among the inputs is that of this call. Tensors of the graph in which Keras infers shapes are useless.
        if is_symbolic(inputs) or not kwargs.get("setup_memory"):
            self.memory = before
        if is_symbolic(inputs) and kwargs.get("setup_memory"):
            memory, lengths = _memory_and_lengths(inputs)
            self.setup_memory(memory, lengths, kwargs.get("mask"))
        return found

    def build(self, input_shape: Shape) -> None:
        """Create the weights of the mechanism, whose shapes do not depend on those of the inputs."""

    def call(self, inputs: Any, mask: Any = None, setup_memory: bool = False) -> Any:
        """Return the attention weights and the new state, or the values of the memory with `setup_memory=True`."""
        if setup_memory:
            memory, lengths = _memory_and_lengths(inputs)
            mask = mask[0] if isinstance(mask, list | tuple) else mask
            self.setup_memory(memory, lengths, mask if lengths is None else None)
            return self.values
        query, state, *memory = inputs
        if memory and memory[0] is not self.values:
            self._set_up(*memory)
        check_usable(self.memory)
        query, state = (None if each is None else tf.cast(each, self.compute_dtype) for each in (query, state))
        return self._calculate_attention(query, state)

    def setup_memory(
        self,
        memory: TensorLike,
        memory_sequence_length: TensorLike | None = None,
        memory_mask: TensorLike | None = None,
    ) -> None:
        """Store the memory and compute the keys.

        Args:
            memory: Tensor of shape `(batch, positions, features)`. A mask that a layer has attached to it is not used.
            memory_sequence_length: Integer tensor of shape `(batch,)` with the number of valid positions of each
                memory. At other positions, the memory is replaced by zeros.
            memory_mask: Boolean tensor of shape `(batch, positions)` with the valid positions, instead of lengths.

        Raises:
            ValueError: If a tensor has the wrong shape, both lengths and a mask are given, or a length is 0.
        """
        given: list[Any] = [each for each in (memory, memory_sequence_length, memory_mask) if each is not None]
        if is_symbolic(given):
            if self.memory_layer is not None and not self.memory_layer.built:
                self.memory_layer.build(tuple(given[0].shape))
            self.memory = Memory(memory, symbolic=tuple(given))
            return
        with tf.name_scope("setup_memory"):
            values, valid = prepared(memory, memory_sequence_length, memory_mask, self.compute_dtype)
            keys = values if self.memory_layer is None else self.memory_layer(values)
            self.memory = Memory(values, keys, valid)

    def _set_up(self, memory: Tensor, lengths_or_mask: Tensor | None = None) -> None:
        """Set up a memory that is an input of the layer, with the mask that is attached to it unless one is given."""
        mask = keras_mask(memory) if lengths_or_mask is None else lengths_or_mask
        if mask is not None and tf.as_dtype(mask.dtype).is_integer:
            self.setup_memory(memory, mask)
        else:
            self.setup_memory(memory, memory_mask=mask)

    def probability_fn(self, score: Tensor, state: Tensor) -> Tensor:
        """Return the attention weights for scores, of which those of masked positions are replaced.

        Args:
            score: Tensor of shape `(batch, positions)`.
            state: Previous state.
        """
        valid = None if self.memory is None else self.memory.valid
        if valid is not None:
            score = tf.where(valid, score, tf.constant(score.dtype.min, score.dtype))
        return self.default_probability_fn(score, state)

    def _calculate_attention(self, query: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError("A subclass of AttentionMechanism must implement _calculate_attention(query, state).")

    def initial_alignments(self, batch_size: Scalar, dtype: DType) -> Tensor:
        """Return the attention weights before the first step: zeros of shape `(batch, positions)`.

        Args:
            batch_size: Batch size.
            dtype: Data type of the result.
        """
        check_usable(self.memory)
        return tf.zeros([batch_size, self.alignments_size or tf.shape(self.values)[1]], dtype)

    def initial_state(self, batch_size: Scalar, dtype: DType) -> Tensor:
        """Return the state before the first step, which equals `initial_alignments`.

        Args:
            batch_size: Batch size.
            dtype: Data type of the result.
        """
        return self.initial_alignments(batch_size, dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return `None`, because the outputs have no time axis."""

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer, without its memory."""
        layers = {"query_layer": self.query_layer, "memory_layer": self.memory_layer}
        own = {name: saved_layer(layer) for name, layer in layers.items() if layer is not None}
        return {**super().get_config(), **own, "memory": None}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AttentionMechanism":
        """Create the layer from its config."""
        return cls(**restored(config, "query_layer", "memory_layer"))


def _memory_and_lengths(inputs: Any) -> tuple[Any, Any]:
    """Return the memory and its lengths or `None`, which are the inputs of a call that sets up the memory."""
    parts = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    check(len(parts) in (1, 2), "inputs", Verbatim(f"{len(parts)} items"), "a memory, or a list of it and its lengths")
    return parts[0], parts[1] if len(parts) == 2 else None
