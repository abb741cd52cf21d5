"""The random codes of variational autoencoders."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class Sampling(keras.layers.Layer):
    """Draws the code of a variational autoencoder from the normal distribution that its encoder tells.

    It draws in inference, too. The gradient reaches mean and variance, as the random numbers are drawn apart from them.

    Formula, with e drawn anew in every call:

        z = mean + exp(log_variance / 2) e,  e ~ N(0, 1)

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.

    Args:
        seed: Integer that fixes the draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: The two tensors [mean, log_variance], of one shape.

    Input shape:
        Twice any shape.

    Output shape:
        That of either.

    Raises:
        ValueError: `seed` is no integer, or there are not two tensors of one shape.

    Example:
        >>> import keras
        >>> mean, log_variance = keras.ops.full((10_000, 1), 3.0), keras.ops.full((10_000, 1), -2 * keras.ops.log(2.0))
        >>> z = Sampling(seed=1)([mean, log_variance])
        >>> print(round(float(keras.ops.mean(z)), 1), round(float(keras.ops.std(z)), 1))
        3.0 0.5
    """

    def __init__(self, seed: int | None = None, **kwargs: Any):
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        seed = plain(seed)
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Looks at the shapes; there are no weights."""
        fits = len(input_shape) == 2 and all(isinstance(shape, list | tuple) for shape in input_shape)
        fits = fits and len(input_shape[0]) == len(input_shape[1])
        fits = fits and all(None in sizes or sizes[0] == sizes[1] for sizes in zip(*input_shape, strict=True))
        check(fits, "inputs", input_shape, "two tensors of one shape, [mean, log_variance]")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Draws."""
        inputs = floating(inputs, self.compute_dtype)
        mean, log_variance = inputs
        noise = keras.random.normal(keras.ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + keras.ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The common one, with all sizes that either input knows."""
        return tuple(one if other is None else other for one, other in zip(*input_shape, strict=True))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "seed": self.seed}
