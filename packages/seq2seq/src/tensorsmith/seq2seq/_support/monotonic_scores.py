"""Monotonic attention weights for any score."""

from collections.abc import Callable
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tensorsmith.core import check, is_integer, is_number, plain
from tensorsmith.core.types import DType, Scalar, Shape, Tensor, Variable
from tensorsmith.seq2seq.addons.monotonic_attention import MODES, monotonic_attention

BASE: Any = object  # the next base is an attention mechanism


class MonotonicScores(BASE):
    """Mixin that adds a bias and noise to the scores of a mechanism, and computes monotonic attention weights.

    List it before the mechanism in the base classes.
    """

    add_weight: Callable[..., Variable]
    alignments_size: int | None
    kept_arguments: ClassVar[tuple[str, ...]] = ("sigmoid_noise", "sigmoid_noise_seed", "score_bias_init", "mode")

    def _configure(
        self, sigmoid_noise: float, sigmoid_noise_seed: int | None, score_bias_init: float, mode: str
    ) -> None:
        """Check and store the arguments that all monotonic mechanisms share."""
        valid = is_number(sigmoid_noise) and sigmoid_noise >= 0
        check(valid, "sigmoid_noise", sigmoid_noise, "a non-negative number")
        valid = sigmoid_noise_seed is None or is_integer(sigmoid_noise_seed)
        check(valid, "sigmoid_noise_seed", sigmoid_noise_seed, "an integer or None")
        check(is_number(score_bias_init), "score_bias_init", score_bias_init, "a number")
        check(mode in MODES, "mode", mode, 'one of "recursive", "parallel" and "hard"')
        self.sigmoid_noise = plain(sigmoid_noise)
        self.sigmoid_noise_seed = plain(sigmoid_noise_seed)
        self.score_bias_init = plain(score_bias_init)
        self.mode = mode
        self.attention_score_bias: Variable | None = None
        if sigmoid_noise > 0:
            self.seed_generator = keras.random.SeedGenerator(self.sigmoid_noise_seed)
        self.default_probability_fn = self._monotonic_probabilities

    def build(self, input_shape: Shape) -> None:
        """Create the weights of the scores and their bias."""
        super().build(input_shape)
        self._add_score_bias()

    def _add_score_bias(self) -> None:
        if self.attention_score_bias is None:
            initializer = keras.initializers.Constant(self.score_bias_init)
            self.attention_score_bias = self.add_weight((), initializer, name="attention_score_bias")

    def score(self, query: Tensor) -> Tensor:
        """Return the scores of the positions with the bias, of shape `(batch, positions)`, for a query."""
        score: Tensor = super().score(query)
        return score + tf.convert_to_tensor(self.attention_score_bias)

    def _monotonic_probabilities(self, score: Tensor, previous_alignments: Tensor) -> Tensor:
        """Return attention weights. Masked scores are the lowest number of the dtype, which noise does not change."""
        if self.sigmoid_noise > 0:
            noise = keras.random.normal(tf.shape(score), dtype=score.dtype.name, seed=self.seed_generator)
            score += self.sigmoid_noise * noise
        chosen = tf.cast(score > 0, score.dtype) if self.mode == "hard" else tf.sigmoid(score)
        return monotonic_attention(chosen, previous_alignments, self.mode)

    def initial_alignments(self, batch_size: Scalar, dtype: DType) -> Tensor:
        """Return the attention weights before the first step, which are 1 at the first position and 0 elsewhere.

        Args:
            batch_size: Batch size.
            dtype: Data type of the result.
        """
        zeros = super().initial_alignments(batch_size, dtype)
        return tf.one_hot(tf.zeros([batch_size], tf.int32), tf.shape(zeros)[1], dtype=dtype) + zeros

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer, without its memory."""
        config = super().get_config()
        del config["probability_fn"]
        return {**config, **{name: getattr(self, name) for name in self.kept_arguments}}
