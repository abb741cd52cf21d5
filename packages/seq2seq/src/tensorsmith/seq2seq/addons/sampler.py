"""Interface of samplers."""

import abc
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import NestedTensors, Scalar, Tensor


class Sampler(abc.ABC):
    """Interface of samplers, which choose the outputs of a decoder and its next inputs.

    A `BasicDecoder` calls the methods of its sampler. They can also be called in a loop of your own.

    Source: `Sampler` of TensorFlow Addons.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import TrainingSampler
        >>> cell, sampler = keras.layers.LSTMCell(4), TrainingSampler()
        >>> finished, inputs = sampler.initialize(keras.random.normal((2, 7, 3)))
        >>> state = cell.get_initial_state(batch_size=2)
        >>> for time in range(7):
        ...     outputs, state = cell(inputs, state)
        ...     sample_ids = sampler.sample(time, outputs, state)
        ...     finished, inputs, state = sampler.next_inputs(time, outputs, state, sample_ids)
        >>> print(finished.numpy(), inputs.shape)
        [ True  True] (2, 3)
    """

    @abc.abstractmethod
    def initialize(self, *args: Any, **kwargs: Any) -> tuple[Tensor, NestedTensors]:
        """Store the inputs of a decoder call.

        Args:
            *args: Inputs of the decoder.
            **kwargs: Further arguments of the decoder call.

        Returns:
            A boolean tensor of shape `(batch,)` with the sequences that have ended, and the inputs of the first step.
        """

    @abc.abstractmethod
    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return the output tokens of a step.

        Args:
            time: Number of the step, starting from 0.
            outputs: Outputs of the cell, or of the output layer.
            state: State of the cell.
        """

    @abc.abstractmethod
    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, NestedTensors, NestedTensors]:
        """Return the sequences that have ended, the inputs of the next step, and the state.

        Args:
            time: Number of the step, starting from 0.
            outputs: Outputs of the cell, or of the output layer.
            state: State of the cell.
            sample_ids: Result of `sample`.
        """

    @property
    @abc.abstractmethod
    def batch_size(self) -> Tensor:
        """Batch size of the result of `sample`, a scalar."""

    @property
    @abc.abstractmethod
    def sample_ids_shape(self) -> tf.TensorShape:
        """Shape of the result of `sample` without the batch axis."""

    @property
    @abc.abstractmethod
    def sample_ids_dtype(self) -> tf.DType:
        """Data type of the result of `sample`."""
