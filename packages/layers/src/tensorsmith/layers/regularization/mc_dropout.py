"""Dropout layer that stays active at inference (Monte Carlo dropout)."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.layers._support.monte_carlo_dropout import MonteCarloDropout


@export
class MCDropout(MonteCarloDropout, keras.layers.Dropout):
    """Dropout layer that stays active at inference, for uncertainty estimates from repeated predictions.

    A new mask is drawn in each call, regardless of `training`. The mean over many predictions of one input is a better
    estimate than a single pass without dropout, and their standard deviation measures the uncertainty. Only this layer
    behaves as in training: unlike `model(x, training=True)`, it does not affect batch normalization.

    Formula, with the binary mask m:

        y = m * x / (1 - rate),  m ~ Bernoulli(1 - rate)

    Source: Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016.

    Args:
        {{arguments}}

    {{call}}

    Example:
        >>> import keras
        >>> inputs = keras.Input((4,))
        >>> model = keras.Model(inputs, MCDropout(0.5, seed=1)(inputs))
        >>> x = keras.ops.ones((1000, 4))
        >>> draws = keras.ops.stack([model(x) for _ in range(20)])
        >>> sorted(set(draws.numpy().ravel().tolist()))
        [0.0, 2.0]
        >>> abs(float(keras.ops.mean(draws)) - 1.0) < 0.05
        True
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(
            is_number(rate) and 0 <= rate < 1,
            "rate",
            rate,
            "a number in [0, 1)",
            "pass the fraction to drop, for example 0.5",
        )
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        super().__init__(plain(rate), noise_shape=plain(noise_shape), seed=plain(seed), **kwargs)
