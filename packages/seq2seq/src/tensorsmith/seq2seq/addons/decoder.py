"""Interface of decoders that are not layers."""

import abc
from typing import Any

from tensorsmith.core.types import NestedTensors, Scalar, Tensor


class Decoder(abc.ABC):
    """Interface of decoders for `dynamic_decode` that are not Keras layers.

    A subclass implements `initialize`, `step` and the properties `batch_size`, `output_size` and `output_dtype`.
    `finalize` is optional. `BaseDecoder` has the same interface and is a layer.

    Source: `Decoder` of TensorFlow Addons.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import Decoder, dynamic_decode
        >>> class Countdown(Decoder):
        ...     batch_size, output_size, output_dtype = 1, tf.TensorShape([]), tf.int32
        ...
        ...     def initialize(self, name=None):
        ...         return [False], tf.constant([3]), ()
        ...
        ...     def step(self, time, inputs, state, training=None, name=None):
        ...         return inputs, state, inputs - 1, inputs == 0
        >>> outputs, state, lengths = dynamic_decode(Countdown())
        >>> print(outputs.numpy(), lengths.numpy())
        [[3 2 1 0]] [4]
    """

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

    @abc.abstractmethod
    def initialize(self, name: str | None = None) -> tuple[Tensor, NestedTensors, NestedTensors]:
        """Return the values before the first step.

        Args:
            name: Name scope of the operations.

        Returns:
            A boolean tensor of shape `(batch,)` with the sequences that have ended, the inputs of the first step, and
            the initial state.
        """

    @abc.abstractmethod
    def step(
        self,
        time: Scalar,
        inputs: NestedTensors,
        state: NestedTensors,
        training: bool | None = None,
        name: str | None = None,
    ) -> tuple[NestedTensors, NestedTensors, NestedTensors, Tensor]:
        """Compute one step.

        Args:
            time: Number of the step, starting from 0.
            inputs: Inputs of the step.
            state: State after the last step.
            training: If `True`, the step is part of training.
            name: Name scope of the operations.

        Returns:
            The outputs, the new state, the inputs of the next step, and a boolean tensor with the sequences that have
            ended.
        """

    def finalize(
        self, outputs: NestedTensors, final_state: NestedTensors, sequence_lengths: Tensor
    ) -> tuple[NestedTensors, NestedTensors]:
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
