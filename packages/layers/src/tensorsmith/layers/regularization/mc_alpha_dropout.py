"""Alpha dropout layer that stays active at inference (Monte Carlo dropout)."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.layers._support.monte_carlo_dropout import MonteCarloDropout
from tensorsmith.layers._support.noise_shape import check_noise_shape


@export
class MCAlphaDropout(MonteCarloDropout, keras.layers.AlphaDropout):
    """Alpha dropout layer that stays active at inference: `MCDropout` for self-normalizing networks.

    A new mask is drawn in each call, regardless of `training`. Dropped units are set to the saturation value of SELU,
    and the result is scaled and shifted, so that a mean of 0 and a variance of 1 are preserved.

    Formula, with the binary mask m, the rate p, and c = -1.7581 the limit of SELU:

        y = a (m x + (1 - m) c) + b,  m ~ Bernoulli(1 - p),  a = ((1 - p) (1 + p c²))^(-1/2),  b = -a p c

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017; Gal and Ghahramani, "Dropout as a Bayesian
    Approximation", 2016.

    Args:
        {{arguments}}

    {{call}}

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
