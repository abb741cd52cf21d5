"""Scheduled sampling of outputs."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike, Variable
from tensorsmith.seq2seq._support.draws import Draws, bernoulli
from tensorsmith.seq2seq._support.functions import saved
from tensorsmith.seq2seq._support.probabilities import checked_probability, saved_probability
from tensorsmith.seq2seq._support.sampler_inputs import TimeSteps, checked_function, time_major
from tensorsmith.seq2seq.addons.training_sampler import TrainingSampler


@export
class ScheduledOutputTrainingSampler(TrainingSampler):
    """Sampler for scheduled sampling of continuous sequences: some inputs are the last outputs.

    The output tokens are 1 where the next input is the last output, and 0 where it is that of the training data. The
    random choices depend on the seed, the number of calls before, and the step.

    Source: Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", 2015;
    `ScheduledOutputTrainingSampler` of TensorFlow Addons.

    Args:
        sampling_probability: Probability of using the last output, in [0, 1]: a number, a tensor, or a variable that a
            callback changes. Alternatively, one probability for each sequence.
        time_major: If `True`, the inputs have shape `(time, batch, features)` instead of `(batch, time, features)`.
        seed: Random seed.
        next_inputs_fn: Function or layer that is applied to outputs before they become inputs, or `None`.

    Raises:
        ValueError: If `sampling_probability` is not a probability or a vector, or `seed` is not an integer.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, ScheduledOutputTrainingSampler
        >>> sampler = ScheduledOutputTrainingSampler(0.5, seed=1)
        >>> decoder = BasicDecoder(keras.layers.LSTMCell(8), sampler, keras.layers.Dense(3))
        >>> outputs, state, lengths = decoder(keras.random.normal((2, 7, 3)))
        >>> outputs.rnn_output.shape
        TensorShape([2, 7, 3])
    """

    function_names = ("next_inputs_fn",)

    def __init__(
        self,
        sampling_probability: TensorLike,
        time_major: bool = False,
        seed: int | None = None,
        next_inputs_fn: Callable[[Tensor], Tensor] | None = None,
    ):
        super().__init__(time_major)
        checked_function("next_inputs_fn", next_inputs_fn)
        self.sampling_probability: Tensor | Variable = checked_probability(sampling_probability)
        self.seed = seed
        self.next_inputs_fn = next_inputs_fn
        self.draws = {"seed": Draws("seed", seed)}

    def initialize(
        self,
        inputs: Tensor,
        sequence_length: TensorLike | None = None,
        mask: TensorLike | None = None,
        auxiliary_inputs: TensorLike | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Store the inputs of a decoder call.

        Args:
            inputs: Tensor of shape `(batch, time, features)`.
            sequence_length: Integer tensor of shape `(batch,)` with the lengths of the sequences, or `None`.
            mask: Boolean tensor of shape `(batch, time)`, instead of lengths.
            auxiliary_inputs: Tensor of shape `(batch, time, more_features)` that is concatenated to the inputs of all
                steps, or `None`.

        Returns:
            A boolean tensor of shape `(batch,)` with the sequences of length 0, and the inputs of the first step.
        """
        self._auxiliary_steps = None
        if auxiliary_inputs is not None:
            inputs, auxiliary_inputs = map(tf.convert_to_tensor, (inputs, auxiliary_inputs))
            inputs = tf.concat([inputs, auxiliary_inputs], -1)
            self._auxiliary_steps = TimeSteps(auxiliary_inputs if self.time_major else time_major(auxiliary_inputs))
        return super().initialize(inputs, sequence_length, mask)

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return 1 for the sequences whose next inputs are the outputs, and 0 for the others."""
        return tf.cast(bernoulli(self.sampling_probability, self.batch_size, self.draws["seed"].at(time)), tf.int32)

    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, Tensor, NestedTensors]:
        """Return the sequences that have ended, the inputs of the next step, and the state."""
        finished, inputs, state = super().next_inputs(time, outputs, state, sample_ids)
        following = outputs if self.next_inputs_fn is None else self.next_inputs_fn(outputs)
        if self._auxiliary_steps is not None:
            following = tf.concat([following, self._auxiliary_steps.read(time + 1, finished)], -1)
        chosen = tf.cast(sample_ids, tf.bool) & ~tf.reduce_all(finished)
        return finished, tf.where(chosen[:, tf.newaxis], tf.cast(following, inputs.dtype), inputs), state

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler, with the current value of a probability that is a variable."""
        own = {
            "sampling_probability": saved_probability(self.sampling_probability),
            "seed": self.seed,
            "next_inputs_fn": saved("next_inputs_fn", self.next_inputs_fn),
        }
        return {**super().get_config(), **own}
