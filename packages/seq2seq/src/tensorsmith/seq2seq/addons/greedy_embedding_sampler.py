"""Greedy decoding."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike
from tensorsmith.seq2seq._support.base_sampler import BaseSampler
from tensorsmith.seq2seq._support.functions import saved
from tensorsmith.seq2seq._support.sampler_inputs import checked_function, checked_tokens, embedding_function, size_of


@export
class GreedyEmbeddingSampler(BaseSampler):
    """Sampler for inference that chooses the token with the highest output, and embeds it as the next input.

    Source: `GreedyEmbeddingSampler` of TensorFlow Addons.

    Args:
        embedding_fn: Function or layer that embeds tokens of shape `(batch,)`. If `None`, the embedding matrix that is
            passed to the decoder call is used.

    Raises:
        ValueError: If `embedding_fn` is not a function or `None`.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, GreedyEmbeddingSampler
        >>> cell, output_layer = keras.layers.LSTMCell(8), keras.layers.Dense(10)
        >>> sampler = GreedyEmbeddingSampler(keras.layers.Embedding(10, 3))
        >>> decoder = BasicDecoder(cell, sampler, output_layer, maximum_iterations=5)
        >>> outputs, state, lengths = decoder(None, start_tokens=[1, 1], end_token=-1)
        >>> outputs.sample_id.shape
        TensorShape([2, 5])
    """

    function_names = ("embedding_fn",)

    def __init__(self, embedding_fn: Callable[[Tensor], Tensor] | None = None):
        super().__init__()
        checked_function("embedding_fn", embedding_fn)
        self.embedding_fn = embedding_fn

    def initialize(
        self,
        embedding: TensorLike | None,
        start_tokens: TensorLike | None = None,
        end_token: TensorLike | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Store the inputs of a decoder call.

        Args:
            embedding: Embedding matrix of shape `(vocabulary, features)`. It is not used if there is an `embedding_fn`.
            start_tokens: Integer tensor of shape `(batch,)` with the first tokens.
            end_token: Token that ends a sequence.

        Returns:
            A boolean tensor of shape `(batch,)` with `False`, and the embeddings of the start tokens.

        Raises:
            ValueError: If the tokens have another shape, or there is neither an `embedding_fn` nor an embedding matrix.
        """
        self._embed = embedding_function(self.embedding_fn, embedding)
        self.start_tokens, self.end_token = checked_tokens(start_tokens, end_token)
        self._start(size_of(self.start_tokens, 0))
        self.start_inputs = self._embed(self.start_tokens)
        return tf.zeros_like(self.start_tokens, tf.bool), self.start_inputs

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return the tokens with the highest outputs."""
        return tf.argmax(checked_outputs(outputs), axis=-1, output_type=tf.int32)

    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, Tensor, NestedTensors]:
        """Return the sequences that have ended, the embeddings of the tokens, and the state."""
        finished = sample_ids == self.end_token
        embedded = self._embed(sample_ids)
        return finished, tf.where(tf.reduce_all(finished), self.start_inputs, embedded), state

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler."""
        return {"embedding_fn": saved("embedding_fn", self.embedding_fn)}


def checked_outputs(outputs: Tensor) -> Tensor:
    """Return the outputs of a decoder after a check that they are a single tensor."""
    received = Verbatim(type(outputs).__name__)
    check(tf.is_tensor(outputs), "outputs", received, "a tensor of logits", "use InferenceSampler for other outputs")
    return outputs
