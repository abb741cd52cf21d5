"""Scheduled sampling of the inputs of a decoder."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tensorsmith.core import Verbatim, check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor


@export
class ScheduledSampling(keras.layers.Layer):
    """Layer that replaces random input tokens of a decoder by tokens that the decoder predicts.

    A decoder that is trained with the true tokens as inputs has never seen its own errors. During training, this layer
    replaces each token with the probability `rate` by a token that is sampled from the softmax of the logits of the
    step before. The decoder is called twice with the same weights: with the true tokens, which results in the logits,
    and with the tokens of this layer. Padding, which is the token 0, and the first token are never replaced. No
    gradient flows to the logits.

    The rate is a variable, `layer.rate`, which usually increases during training: `Trainer` changes it with
    `schedules={"sampling": (layer.rate, schedule)}`, other training loops with `layer.rate.assign(0.2)`.

    Source: Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", 2015. The two
    passes, instead of one step after another, are from Duckworth et al., "Parallel Scheduled Sampling", 2019.

    Args:
        rate: Float in [0, 1], the initial fraction of the tokens to replace. The current rate is saved and restored
            with the model. Rates outside of [0, 1], which a schedule may assign, are clipped.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: List of integer tokens of shape `(batch, steps)` and logits of the next tokens, of shape `(batch, steps,
            vocabulary)`.
        training: If `True`, replace tokens. Otherwise, return the tokens unchanged.

    Input shape:
        A list of two tensors, `(batch, steps)` and `(batch, steps, vocabulary)`.

    Output shape:
        `(batch, steps)`, with the dtype of the tokens.

    Raises:
        ValueError: If `rate` is not a number in [0, 1], `seed` is not an integer, or the shapes do not match.

    Example:
        >>> import keras
        >>> tokens, logits = keras.ops.array([[1, 2, 3, 0]]), 100 * keras.ops.one_hot([[7, 8, 9, 9]], 10)
        >>> print(ScheduledSampling(1.0)([tokens, logits], training=True).numpy())
        [[1 7 8 0]]
    """

    def __init__(self, rate: float = 0.0, seed: int | None = None, **kwargs: Any):
        check(is_number(rate) and 0 <= rate <= 1, "rate", rate, "a number in [0, 1]")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seed = plain(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self._rate_at_first = float(rate)
        self.rate = self.add_weight(
            (),
            keras.initializers.Constant(self._rate_at_first),
            "float32",
            trainable=False,
            autocast=False,
            name="rate",
        )

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Checks the shapes. The rate is created in `__init__`, so that schedules can use it before."""
        tokens, logits = input_shape
        valid = len(tokens) == 2 and len(logits) == 3
        received = Verbatim(f"{tuple(tokens)} and {tuple(logits)}")
        check(valid, "inputs", received, "have shapes (batch, steps) and (batch, steps, vocabulary)")

    def call(self, inputs: Sequence[Tensor], training: bool = False) -> Tensor:
        """Replaces tokens during training."""
        tokens, logits = inputs
        if not training:
            return tokens
        shape = ops.shape(logits)
        replaced = keras.random.uniform(shape[:-1], seed=self.seed_generator) < ops.clip(self.rate, 0.0, 1.0)
        batch, step = ops.nonzero(replaced & (tokens != 0) & (ops.arange(shape[1]) > 0))
        # Tokens are sampled only where they replace others: random numbers for all logits take longer than the softmax.
        rows = ops.take(ops.reshape(logits, (-1, shape[-1])), batch * shape[1] + step - 1, axis=0)
        rows = ops.stop_gradient(ops.cast(rows, "float32"))
        sampled = keras.random.categorical(rows, 1, dtype=tokens.dtype, seed=self.seed_generator)
        return ops.scatter_update(tokens, ops.stack([batch, step], axis=1), sampled[:, 0])

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        """Returns the mask of the tokens."""
        return None if mask is None else mask[0]

    def compute_output_spec(self, inputs: Sequence[Any], training: bool = False) -> keras.KerasTensor:
        """Returns the shape and dtype of the output, which are those of the tokens."""
        return keras.KerasTensor(inputs[0].shape, inputs[0].dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "rate": self._rate_at_first, "seed": self.seed}
