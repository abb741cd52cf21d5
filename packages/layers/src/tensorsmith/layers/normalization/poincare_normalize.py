"""Projection into the Poincaré ball."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating

ROUNDING = {"float16": 2**-9, "bfloat16": 2**-6}  # four units in the last place of numbers below 1


@export
class PoincareNormalize(keras.layers.Layer):
    """Keeps vectors inside the unit ball, in which distances of hierarchies are measured.

    Formula:

        y = x                              where |x| <= 1 - epsilon
        y = (1 - epsilon) x / |x|          elsewhere

    Source: Nickel and Kiela, "Poincaré Embeddings for Learning Hierarchical Representations", 2017.

    Args:
        axis: Along which the norm is taken: an integer, several, or None for all axes.
        epsilon: How far from the edge of the ball vectors are kept; more in half types, whose rounding would take them
            out of it: 0.002 in float16, 0.016 in bfloat16.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `axis` is none of these or no axis of the inputs, or `epsilon` is not in [0, 1).

    Example:
        >>> import numpy as np
        >>> print(PoincareNormalize(epsilon=0.5)(np.array([[0.3, 0.0], [3.0, 4.0]])).numpy())
        [[0.3 0. ]
         [0.3 0.4]]
    """

    def __init__(self, axis: int | Sequence[int] | None = 1, epsilon: float = 1e-5, **kwargs: Any):
        several = isinstance(axis, list | tuple) and all(is_integer(one) for one in axis)
        check(axis is None or is_integer(axis) or several, "axis", axis, "an integer, a list of them, or None")
        check(is_number(epsilon) and 0 <= epsilon < 1, "epsilon", epsilon, "a number in [0, 1)")
        axis, epsilon = plain((axis, epsilon))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = list(axis) if isinstance(axis, list | tuple) else axis
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Looks at the axes."""
        rank = len(input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis or [])
        fits = all(-rank <= axis < rank for axis in axes) and len({axis % rank for axis in axes}) == len(axes)
        check(fits, "axis", self.axis, f"different axes of {rank}")

    def call(self, inputs: Tensor) -> Tensor:
        """Draws back what is outside."""
        inputs = floating(inputs, self.compute_dtype)
        limit = 1 - max(self.epsilon, ROUNDING.get(self.compute_dtype, 0))
        wide = keras.backend.result_type(self.compute_dtype, "float32")  # squares of half types overflow soon
        squares = keras.ops.sum(keras.ops.square(keras.ops.cast(inputs, wide)), self.axis, keepdims=True)
        outside = squares > limit**2
        # 1 in place of the others, whose gradient would be infinite at zero.
        scale = limit * keras.ops.rsqrt(keras.ops.where(outside, squares, 1))
        return inputs * keras.ops.cast(keras.ops.where(outside, scale, 1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
