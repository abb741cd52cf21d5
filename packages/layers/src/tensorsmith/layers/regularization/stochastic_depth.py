"""Stochastic depth."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class StochasticDepth(keras.layers.Layer):
    """The sum of a shortcut and a residual branch that is left out at random in training.

    Formula, with p the survival probability and one draw b for the whole batch:

        y = shortcut + b residual,  b ~ Bernoulli(p)    in training
        y = shortcut + p residual                       otherwise

    Source: Huang et al., "Deep Networks with Stochastic Depth", 2016.

    Args:
        survival_probability: How likely the branch is kept, in [0, 1].
        seed: Integer that fixes the draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: The two tensors [shortcut, residual] of equal shape.
        training: Whether to draw.

    Input shape:
        Twice the same.

    Output shape:
        The same as that of either.

    Raises:
        ValueError: `survival_probability` is not in [0, 1], `seed` is no integer, or there are not two tensors.

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
        """Looks at the two shapes."""
        fits = len(input_shape) == 2 and isinstance(input_shape[0], list | tuple)
        check(fits, "inputs", input_shape, "a list of two tensors, [shortcut, residual]")

    def call(self, inputs: Sequence[Tensor], training: bool = False) -> Tensor:
        """Adds the branch, or not."""
        inputs = floating(inputs, self.compute_dtype)
        shortcut, residual = inputs
        if not training:
            return shortcut + self.survival_probability * residual
        draw = keras.random.uniform((), dtype="float32", seed=self.seed_generator)
        kept = keras.ops.cast(draw < self.survival_probability, self.compute_dtype)
        return shortcut + kept * residual

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """That of the shortcut."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "survival_probability": self.survival_probability, "seed": self.seed}
