"""Random sampling of tokens."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import NestedTensors, Scalar, Tensor
from tensorsmith.seq2seq._support.draws import Draws, categorical
from tensorsmith.seq2seq.addons.greedy_embedding_sampler import GreedyEmbeddingSampler, checked_outputs


@export
class SampleEmbeddingSampler(GreedyEmbeddingSampler):
    """Sampler for inference that draws tokens from the softmax of the outputs, and embeds them as the next inputs.

    The random choices depend on the seed, the number of calls before, and the step.

    Source: `SampleEmbeddingSampler` of TensorFlow Addons.

    Args:
        embedding_fn: Function or layer that embeds tokens of shape `(batch,)`. If `None`, the embedding matrix that is
            passed to the decoder call is used.
        softmax_temperature: Positive number by which the outputs are divided. `None` is the same as 1.
        seed: Random seed.

    Raises:
        ValueError: If `softmax_temperature` is not a positive number, or `seed` is not an integer.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, SampleEmbeddingSampler
        >>> cell, output_layer = keras.layers.LSTMCell(8), keras.layers.Dense(10)
        >>> sampler = SampleEmbeddingSampler(keras.layers.Embedding(10, 3), softmax_temperature=0.8, seed=1)
        >>> decoder = BasicDecoder(cell, sampler, output_layer, maximum_iterations=5)
        >>> outputs, state, lengths = decoder(None, start_tokens=[1, 1], end_token=-1)
        >>> outputs.sample_id.shape
        TensorShape([2, 5])
    """

    def __init__(
        self,
        embedding_fn: Callable[[Tensor], Tensor] | None = None,
        softmax_temperature: float | Tensor | None = None,
        seed: int | None = None,
    ):
        super().__init__(embedding_fn)
        number: Any = softmax_temperature
        valid = number is None or tf.is_tensor(number) or (is_number(number) and number > 0)
        remedy = "use GreedyEmbeddingSampler for the most probable tokens"
        check(valid, "softmax_temperature", softmax_temperature, "a positive number or None", remedy)
        self.softmax_temperature = plain(softmax_temperature)
        self.seed = seed
        self.draws = {"seed": Draws("seed", seed)}

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return tokens drawn from the softmax of the outputs."""
        logits = checked_outputs(outputs)
        if self.softmax_temperature is not None:
            logits /= tf.cast(self.softmax_temperature, logits.dtype)
        return categorical(logits, self.draws["seed"].at(time))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler."""
        temperature = self.softmax_temperature
        own = {"softmax_temperature": float(temperature) if tf.is_tensor(temperature) else temperature}
        return {**super().get_config(), **own, "seed": self.seed}
