"""Teacher forcing."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike
from tensorsmith.seq2seq._support.base_sampler import BaseSampler
from tensorsmith.seq2seq._support.sampler_inputs import (
    TimeSteps,
    checked_lengths,
    lengths_of_mask,
    size_of,
    time_major,
)


@export
class TrainingSampler(BaseSampler):
    """Sampler for teacher forcing: the inputs of each step are those of the training data.

    The output tokens are those with the highest outputs.

    Source: Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural Networks", 1989;
    `TrainingSampler` of TensorFlow Addons.

    Args:
        time_major: If `True`, the inputs have shape `(time, batch, features)` instead of `(batch, time, features)`.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, TrainingSampler
        >>> cell, output_layer = keras.layers.LSTMCell(8), keras.layers.Dense(10)
        >>> decoder = BasicDecoder(cell, TrainingSampler(), output_layer)
        >>> outputs, state, lengths = decoder(keras.random.normal((2, 7, 3)), sequence_length=[7, 4])
        >>> print(outputs.rnn_output.shape, lengths.numpy())
        (2, 7, 10) [7 4]
    """

    def __init__(self, time_major: bool = False):
        super().__init__()
        self.time_major = time_major

    def initialize(
        self,
        inputs: NestedTensors,
        sequence_length: TensorLike | None = None,
        mask: TensorLike | None = None,
    ) -> tuple[Tensor, Any]:
        """Store the inputs of a decoder call.

        Args:
            inputs: Tensor of shape `(batch, time, features)`, or a nested structure of such tensors.
            sequence_length: Integer tensor of shape `(batch,)` with the lengths of the sequences. If `None`, all
                sequences have the length of the time axis.
            mask: Boolean tensor of shape `(batch, time)`, instead of lengths. It must be `True` up to the end of each
                sequence.

        Returns:
            A boolean tensor of shape `(batch,)` with the sequences of length 0, and the inputs of the first step.

        Raises:
            ValueError: If both lengths and a mask are given, or they have another shape.
        """
        check(sequence_length is None or mask is None, "mask", mask, "None if there is a `sequence_length`")
        steps = tf.nest.map_structure(tf.convert_to_tensor if self.time_major else time_major, inputs)
        first = tf.nest.flatten(steps)[0]
        batch_size = size_of(first, 1)
        if sequence_length is not None:
            self.sequence_length = checked_lengths(sequence_length)
        elif mask is not None:
            self.sequence_length = lengths_of_mask(mask, self.time_major)
        else:
            self.sequence_length = tf.fill([batch_size], tf.shape(first)[0])
        self._steps = TimeSteps(steps)
        self._start(batch_size)
        finished = self.sequence_length == 0
        return finished, self._steps.read(0, finished)

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return the tokens with the highest outputs."""
        return tf.argmax(outputs, axis=-1, output_type=tf.int32)

    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, Any, NestedTensors]:
        """Return the sequences that have ended, the inputs of the next step from the data, and the state."""
        time = tf.cast(time, self.sequence_length.dtype)
        finished = time + 1 >= self.sequence_length
        return finished, self._steps.read(time + 1, finished), state

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler."""
        return {"time_major": self.time_major}
