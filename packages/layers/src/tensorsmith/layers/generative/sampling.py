"""Sampling layer of variational autoencoders."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class Sampling(keras.layers.Layer):
    """Sampling layer of variational autoencoders: samples latent codes from a normal distribution.

    It samples in training and at inference. By the reparameterization trick, gradients flow to the mean and the
    variance. Formula, with a new e in each call:

        z = mean + exp(log_variance / 2) e,  e ~ N(0, 1)

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.

    Args:
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List `[mean, log_variance]` of two tensors of the same shape.

    Input shape:
        Two tensors of the same arbitrary shape.

    Output shape:
        Same shape as either input.

    Raises:
        ValueError: If `seed` is not an integer, or the inputs are not two tensors of the same shape.

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
        """Validates the input shapes. The layer has no weights."""
        fits = len(input_shape) == 2 and all(isinstance(shape, list | tuple) for shape in input_shape)
        fits = fits and len(input_shape[0]) == len(input_shape[1])
        fits = fits and all(None in sizes or sizes[0] == sizes[1] for sizes in zip(*input_shape, strict=True))
        check(fits, "inputs", input_shape, "a pair of tensors of equal shape, [mean, log_variance]")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Samples latent codes."""
        inputs = floating(inputs, self.compute_dtype)
        mean, log_variance = inputs
        noise = keras.random.normal(keras.ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + keras.ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Returns the output shape: the shape shared by both inputs."""
        return tuple(one if other is None else other for one, other in zip(*input_shape, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "seed": self.seed}
