"""Stochastic depth layer, which randomly drops residual branches during training."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class StochasticDepth(keras.layers.Layer):
    """Stochastic depth: the sum of a shortcut and a residual branch that is randomly dropped during training.

    Formula, with the survival probability p and a single draw b for the whole batch:

        y = shortcut + b residual,  b ~ Bernoulli(p)    in training
        y = shortcut + p residual                       otherwise

    Source: Huang et al., "Deep Networks with Stochastic Depth", 2016.

    Args:
        survival_probability: Float in [0, 1], the probability that the residual branch is kept.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List `[shortcut, residual]` of two tensors of the same shape.
        training: If `True`, drop the residual branch at random.

    Input shape:
        Two tensors of the same arbitrary shape.

    Output shape:
        Same shape as either input.

    Raises:
        ValueError: If `survival_probability` is not in [0, 1], `seed` is not an integer, or the inputs are not two
            tensors.

    Example:
        >>> import keras
        >>> layer = StochasticDepth(0.25)
        >>> print(layer([keras.ops.ones((1, 2)), keras.ops.ones((1, 2))]).numpy())
        [[1.25 1.25]]
    """

    def __init__(self, survival_probability: float = 0.5, seed: int | None = None, **kwargs: Any):
        fits = is_number(survival_probability) and 0 <= survival_probability <= 1
        check(fits, "survival_probability", survival_probability, "a number in [0, 1]")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        survival_probability, seed = plain((survival_probability, seed))
        super().__init__(**kwargs)
        self.survival_probability = survival_probability
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Validates the shapes of both inputs."""
        fits = len(input_shape) == 2 and isinstance(input_shape[0], list | tuple)
        check(fits, "inputs", input_shape, "a list of two tensors, [shortcut, residual]")

    def call(self, inputs: Sequence[Tensor], training: bool = False) -> Tensor:
        """Adds the residual branch to the shortcut, or drops it at random during training."""
        inputs = floating(inputs, self.compute_dtype)
        shortcut, residual = inputs
        if not training:
            return shortcut + self.survival_probability * residual
        # float32, because the values of half precision are too coarse for a probability.
        draw = keras.random.uniform((), dtype="float32", seed=self.seed_generator)
        kept = keras.ops.cast(draw < self.survival_probability, self.compute_dtype)
        return shortcut + kept * residual

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Returns the output shape, which is the shape of the shortcut."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "survival_probability": self.survival_probability, "seed": self.seed}
