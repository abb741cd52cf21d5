"""Scheduled sampling of tokens."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike, Variable
from tensorsmith.seq2seq._support.draws import Draws, bernoulli, categorical
from tensorsmith.seq2seq._support.functions import saved
from tensorsmith.seq2seq._support.probabilities import checked_probability, saved_probability
from tensorsmith.seq2seq._support.sampler_inputs import checked_function, embedding_function
from tensorsmith.seq2seq.addons.training_sampler import TrainingSampler


@export
class ScheduledEmbeddingTrainingSampler(TrainingSampler):
    """Sampler for scheduled sampling: some inputs are embeddings of tokens that are drawn from the last outputs.

    The output tokens are the drawn ones, and -1 where the next input is that of the training data. The random choices
    depend on the seeds, the number of calls before, and the step.

    Source: Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", 2015;
    `ScheduledEmbeddingTrainingSampler` of TensorFlow Addons.

    Args:
        sampling_probability: Probability of drawing the next input instead of reading it, in [0, 1]: a number, a
            tensor, or a variable that a callback changes. Alternatively, one probability for each sequence.
        embedding_fn: Function or layer that embeds tokens of shape `(batch,)`. If `None`, `embedding` is passed to the
            decoder call.
        time_major: If `True`, the inputs have shape `(time, batch, features)` instead of `(batch, time, features)`.
        seed: Random seed of the tokens.
        scheduling_seed: Random seed of the choice between drawing and reading.

    Raises:
        ValueError: If `sampling_probability` is not a probability or a vector, or a seed is not an integer.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, ScheduledEmbeddingTrainingSampler
        >>> embedding = keras.layers.Embedding(10, 3)
        >>> sampler = ScheduledEmbeddingTrainingSampler(0.5, embedding, seed=1, scheduling_seed=2)
        >>> decoder = BasicDecoder(keras.layers.LSTMCell(8), sampler, keras.layers.Dense(10))
        >>> outputs, state, lengths = decoder(embedding(keras.ops.ones((2, 7), "int32")))
        >>> outputs.rnn_output.shape
        TensorShape([2, 7, 10])
    """

    function_names = ("embedding_fn",)

    def __init__(
        self,
        sampling_probability: TensorLike,
        embedding_fn: Callable[[Tensor], Tensor] | None = None,
        time_major: bool = False,
        seed: int | None = None,
        scheduling_seed: int | None = None,
    ):
        super().__init__(time_major)
        checked_function("embedding_fn", embedding_fn)
        self.sampling_probability: Tensor | Variable = checked_probability(sampling_probability)
        self.embedding_fn = embedding_fn
        self.seed = seed
        self.scheduling_seed = scheduling_seed
        self.draws = {"seed": Draws("seed", seed), "scheduling_seed": Draws("scheduling_seed", scheduling_seed)}

    def initialize(
        self,
        inputs: Tensor,
        sequence_length: TensorLike | None = None,
        mask: TensorLike | None = None,
        embedding: TensorLike | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Store the inputs of a decoder call.

        Args:
            inputs: Tensor of shape `(batch, time, features)`.
            sequence_length: Integer tensor of shape `(batch,)` with the lengths of the sequences, or `None`.
            mask: Boolean tensor of shape `(batch, time)`, instead of lengths.
            embedding: Embedding matrix of shape `(vocabulary, features)`, if there is no `embedding_fn`.

        Returns:
            A boolean tensor of shape `(batch,)` with the sequences of length 0, and the inputs of the first step.

        Raises:
            ValueError: If there is neither an `embedding_fn` nor an embedding matrix.
        """
        self._embed = embedding_function(self.embedding_fn, embedding)
        return super().initialize(inputs, sequence_length, mask)

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return tokens drawn from the softmax of the outputs, and -1 for some sequences."""
        drawn = bernoulli(self.sampling_probability, self.batch_size, self.draws["scheduling_seed"].at(time))
        return tf.where(drawn, categorical(outputs, self.draws["seed"].at(time)), -1)

    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, Tensor, NestedTensors]:
        """Return the sequences that have ended, the inputs of the next step, and the state."""
        finished, inputs, state = super().next_inputs(time, outputs, state, sample_ids)
        drawn = (sample_ids > -1) & ~tf.reduce_all(finished)
        embedded = tf.cast(self._embed(tf.maximum(sample_ids, 0)), inputs.dtype)
        return finished, tf.where(drawn[:, tf.newaxis], embedded, inputs), state

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler, with the current value of a probability that is a variable."""
        own = {
            "sampling_probability": saved_probability(self.sampling_probability),
            "embedding_fn": saved("embedding_fn", self.embedding_fn),
            "seed": self.seed,
            "scheduling_seed": self.scheduling_seed,
        }
        return {**super().get_config(), **own}
