"""Decoder with a sampler."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike
from tensorsmith.seq2seq._support.dropout_masks import draw_masks
from tensorsmith.seq2seq._support.functions import restored, saved_layer
from tensorsmith.seq2seq._support.initial_states import completed_state
from tensorsmith.seq2seq._support.rnn_cells import (
    build_cell,
    build_once,
    check_cell,
    check_layer,
    compute,
    outputs_of,
    step_shape,
)
from tensorsmith.seq2seq.addons.base_decoder import BaseDecoder
from tensorsmith.seq2seq.addons.sampler import Sampler


class BasicDecoderOutput(NamedTuple):
    """Outputs of a `BasicDecoder`.

    Attributes:
        rnn_output: Outputs of the output layer, or of the cell if there is none, of shape `(batch, time, features)`.
        sample_id: Tokens that the sampler has chosen, of shape `(batch, time)`.
    """

    rnn_output: Any
    sample_id: Any


@export
class BasicDecoder(BaseDecoder):
    """Decoder for training and inference, with a sampler that chooses the outputs and the next inputs.

    At each step, the cell and the output layer compute outputs, usually logits. The sampler chooses tokens, and the
    inputs of the next step: those of the training data, or embeddings of the tokens.

    As in TensorFlow Addons, NaN logits raise no error, unlike in `decode`: they are returned in `rnn_output`, and a
    `GreedyEmbeddingSampler` chooses the token 0 if all logits of a sequence are NaN.

    Source: Sutskever et al., "Sequence to Sequence Learning with Neural Networks", 2014; `BasicDecoder` of TensorFlow
    Addons.

    Args:
        cell: Recurrent cell, such as `keras.layers.LSTMCell(8)` or an `AttentionWrapper`.
        sampler: `Sampler`.
        output_layer: Layer that is applied to the outputs of the cell, or `None`.
        **kwargs: Arguments of `BaseDecoder`, such as `maximum_iterations`, and base layer keyword arguments.

    Call arguments:
        inputs: First argument of the method `initialize` of the sampler: tensor of shape `(batch, time, features)` for
            training, and embedding matrix or `None` for inference.
        initial_state: Initial state of the cell. If `None`, it is that of `cell.get_initial_state`. For an
            `AttentionWrapper`, also the state of the wrapped cell.
        training: Boolean, passed to the cell.
        memory: Memory of the attention mechanisms, and `memory_sequence_length` and `memory_mask`, as in `BaseDecoder`.
        sequence_length: Integer tensor of shape `(batch,)` with the lengths of the inputs, for training.
        mask: Boolean tensor of shape `(batch, time)`, instead of lengths.
        embedding: Embedding matrix for a `ScheduledEmbeddingTrainingSampler`.
        auxiliary_inputs: Further inputs for a `ScheduledOutputTrainingSampler`.
        start_tokens: Integer tensor of shape `(batch,)` with the first tokens, for inference.
        end_token: Token that ends a sequence, for inference.
        **kwargs: Further arguments of the method `initialize` of the sampler.

    Input shape:
        `(batch, time, features)` for training.

    Output shape:
        A `BasicDecoderOutput`, the final state, and the lengths of the sequences, `(batch,)`.

    Raises:
        ValueError: If an argument is invalid, or the initial state has another batch size than the inputs.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, GreedyEmbeddingSampler, TrainingSampler
        >>> embedding, cell, output_layer = (
        ...     keras.layers.Embedding(10, 3), keras.layers.LSTMCell(8), keras.layers.Dense(10)
        ... )
        >>> train = BasicDecoder(cell, TrainingSampler(), output_layer)
        >>> outputs, state, lengths = train(embedding(keras.ops.ones((2, 7), "int32")))
        >>> outputs.rnn_output.shape
        TensorShape([2, 7, 10])
        >>> infer = BasicDecoder(cell, GreedyEmbeddingSampler(embedding), output_layer, maximum_iterations=5)
        >>> outputs, state, lengths = infer(None, initial_state=state, start_tokens=[1, 1], end_token=0)
    """

    def __init__(self, cell: keras.Layer, sampler: Sampler, output_layer: keras.Layer | None = None, **kwargs: Any):
        check_cell("cell", cell)
        check(isinstance(sampler, Sampler), "sampler", sampler, "a Sampler")
        check_layer("output_layer", output_layer)
        super().__init__(**kwargs)
        self.cell = cell
        self.sampler = sampler
        self.output_layer = output_layer
        # Keras and TensorFlow save layers and random states in attributes of layers only.
        functions = [getattr(sampler, name) for name in getattr(sampler, "function_names", ())]
        self.sampler_layers = [each for each in functions if isinstance(each, keras.Layer)]
        generators = [draws.generator for draws in getattr(sampler, "draws", {}).values()]
        self.sampler_generators = [each for each in generators if each is not None]

    @property
    def batch_size(self) -> Tensor:
        """Batch size of the last call, a scalar."""
        return self.sampler.batch_size

    @property
    def output_size(self) -> BasicDecoderOutput:
        """Shapes of the outputs of a step without the batch axis."""
        shape = outputs_of(self.cell, self.output_layer).shape[1:]
        return BasicDecoderOutput(tf.TensorShape(shape), self.sampler.sample_ids_shape)

    @property
    def output_dtype(self) -> BasicDecoderOutput:
        """Data types of the outputs of a step."""
        dtype = tf.as_dtype(outputs_of(self.cell, self.output_layer).dtype)
        return BasicDecoderOutput(dtype, tf.as_dtype(self.sampler.sample_ids_dtype))

    def call(
        self,
        inputs: Any,
        initial_state: NestedTensors | None = None,
        training: bool | None = None,
        memory: NestedTensors | None = None,
        memory_sequence_length: NestedTensors | None = None,
        memory_mask: NestedTensors | None = None,
        sequence_length: TensorLike | None = None,
        embedding: TensorLike | None = None,
        auxiliary_inputs: TensorLike | None = None,
        start_tokens: TensorLike | None = None,
        end_token: TensorLike | None = None,
        **kwargs: Any,
    ) -> tuple[BasicDecoderOutput, NestedTensors, Tensor]:
        """Return the outputs of all steps, the final state, and the lengths of the sequences."""
        return super().call(
            inputs,
            initial_state,
            training,
            memory,
            memory_sequence_length,
            memory_mask,
            sequence_length,
            embedding=embedding,
            auxiliary_inputs=auxiliary_inputs,
            start_tokens=start_tokens,
            end_token=end_token,
            **kwargs,
        )

    def initialize(
        self, inputs: Any, initial_state: NestedTensors | None = None, **kwargs: Any
    ) -> tuple[Tensor, NestedTensors, NestedTensors]:
        """Return the values before the first step: those of the sampler, and the initial state.

        Args:
            inputs: Inputs of the sampler.
            initial_state: Initial state of the cell, or `None`.
            **kwargs: Further arguments of the sampler.
        """
        finished, first_inputs = self.sampler.initialize(inputs, **kwargs)
        build_cell(self.cell, step_shape(first_inputs), self.output_layer)
        for layer in self.sampler_layers:
            build_once(layer, outputs_of(self.cell, self.output_layer).shape)
        state = completed_state(self.cell, initial_state, self.sampler.batch_size)
        draw_masks(self.cell, first_inputs, state)
        return finished, first_inputs, state

    def step(
        self, time: Scalar, inputs: NestedTensors, state: NestedTensors, training: bool | None = None
    ) -> tuple[BasicDecoderOutput, NestedTensors, NestedTensors, Tensor]:
        """Compute one step.

        Args:
            time: Number of the step, starting from 0.
            inputs: Inputs of the cell.
            state: State of the cell.
            training: If `True`, the step is part of training.
        """
        outputs, state = compute(self.cell, self.output_layer, inputs, state, training)
        sample_ids = self.sampler.sample(time=time, outputs=outputs, state=state)
        finished, next_inputs, state = self.sampler.next_inputs(
            time=time, outputs=outputs, state=state, sample_ids=sample_ids
        )
        return BasicDecoderOutput(outputs, sample_ids), state, next_inputs, finished

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer."""
        own = {
            "cell": saved_layer(self.cell),
            "sampler": keras.saving.serialize_keras_object(self.sampler),
            "output_layer": saved_layer(self.output_layer),
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BasicDecoder":
        """Create the layer from its config."""
        return cls(**restored(config, "cell", "sampler", "output_layer"))
