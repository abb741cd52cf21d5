"""Monte Carlo alpha dropout."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.layers.floating import floating
from tensorsmith.layers.noise_shape import check_noise_shape


@export
class MCAlphaDropout(keras.layers.AlphaDropout):
    """Alpha dropout that stays active in inference: `MCDropout` for self-normalizing networks.

    Every call drops other units, whatever `training` says. Dropped units take the value at which SELU saturates, and
    what comes out is scaled and shifted, so that inputs of mean 0 and variance 1 keep both.

    Formula, with the keep mask m drawn anew in every call, p the rate, and c = -1.7581 the limit of SELU:

        y = a (m x + (1 - m) c) + b,  m ~ Bernoulli(1 - p),  a = ((1 - p) (1 + p c²))^(-1/2),  b = -a p c

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017; Gal and Ghahramani, "Dropout as a Bayesian
    Approximation", 2016.

    Args:
        rate: Share of the units to drop, in [0, 1).
        noise_shape: Shape of the keep mask, with None where it follows the inputs; 1 shares one draw along an axis.
        seed: Integer that fixes the draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of any rank.
        training: Accepted, and without effect.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `rate` is no number in [0, 1), `seed` is no integer, or `noise_shape` is no sequence of positive
            integers and None.

    Example:
        >>> import keras
        >>> y = MCAlphaDropout(0.2, seed=1)(keras.random.normal((400, 400), seed=2))
        >>> abs(float(keras.ops.mean(y))) < 0.02, abs(float(keras.ops.std(y)) - 1) < 0.02
        (True, True)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(is_number(rate) and 0 <= rate < 1, "rate", rate, "a number in [0, 1)")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        check_noise_shape(noise_shape)
        super().__init__(plain(rate), noise_shape=plain(noise_shape), seed=plain(seed), **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Drops units, whatever `training` says."""
        inputs = floating(inputs, self.compute_dtype)
        return super().call(inputs, training=True)
