"""Randomized leaky ReLU layer, with random slopes for negative inputs during training."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class RReLU(keras.layers.Layer):
    """Randomized leaky ReLU layer, with random slopes for negative inputs during training.

    The slope for negative inputs is drawn at random for each element during training. At inference it is the mean of
    the range: see `tensorsmith.layers.activations.rrelu`.

    Formula:

        y = x if x >= 0, else a x;  a ~ Uniform(lower, upper) in training, a = (lower + upper) / 2 otherwise

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015.

    Args:
        lower: Lower bound of the slope for negative inputs.
        upper: Upper bound of the slope for negative inputs.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.
        training: If `True`, use random slopes. Otherwise, use the mean slope.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `lower` or `upper` is not a number, `lower` is greater than `upper`, or `seed` is not an integer.

    Example:
        >>> import numpy as np
        >>> print(RReLU(0.1, 0.3)(np.array([[-1.0, 2.0]])).numpy().round(4))
        [[-0.2  2. ]]
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None, **kwargs: Any):
        for name, value in (("lower", lower), ("upper", upper)):
            check(is_number(value), name, value, "a number")
        check(lower <= upper, "lower", lower, f"<= `upper` ({upper})")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        lower, upper, seed = plain((lower, upper, seed))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.lower = lower
        self.upper = upper
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Multiplies negative inputs by random slopes, or by the mean slope at inference."""
        inputs = floating(inputs, self.compute_dtype)
        return activations.rrelu(inputs, self.lower, self.upper, training, self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "lower": self.lower, "upper": self.upper, "seed": self.seed}
