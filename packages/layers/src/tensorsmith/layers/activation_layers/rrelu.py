"""Randomized leaky ReLU as a layer."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class RReLU(keras.layers.Layer):
    """Leaky ReLU whose slope below zero is drawn at random in training, for each number, and is the mean otherwise.

    Formula:

        y = x if x >= 0, else a x;  a ~ Uniform(lower, upper) in training, a = (lower + upper) / 2 otherwise

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015.

    Args:
        lower: Least slope.
        upper: Greatest slope.
        seed: Integer that fixes the draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.
        training: Whether to draw.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: The slopes are no numbers, or `lower` is greater than `upper`; `seed` is no integer.

    Example:
        >>> import numpy as np
        >>> print(RReLU(0.1, 0.3)(np.array([[-1.0, 2.0]])).numpy().round(4))
        [[-0.2  2. ]]
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None, **kwargs: Any):
        for name, value in (("lower", lower), ("upper", upper)):
            check(is_number(value), name, value, "a number")
        check(lower <= upper, "lower", lower, f"a number of no more than `upper`, {upper}")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        lower, upper, seed = plain((lower, upper, seed))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.lower = lower
        self.upper = upper
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Multiplies what is negative by the slopes."""
        inputs = floating(inputs, self.compute_dtype)
        return activations.rrelu(inputs, self.lower, self.upper, training, self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "lower": self.lower, "upper": self.upper, "seed": self.seed}
