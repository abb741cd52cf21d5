"""Layer that projects vectors into the Poincaré ball."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating

ROUNDING = {"float16": 2**-9, "bfloat16": 2**-6}  # four units in the last place below 1


@export
class PoincareNormalize(keras.layers.Layer):
    """Layer that projects vectors into the Poincaré ball, the unit ball used for hyperbolic embeddings.

    Formula:

        y = x                              where |x| <= 1 - epsilon
        y = (1 - epsilon) x / |x|          elsewhere

    Source: Nickel and Kiela, "Poincaré Embeddings for Learning Hierarchical Representations", 2017.

    Args:
        axis: Integer, sequence of integers or `None`, the axis or axes along which the norm is computed. If `None`, all
            axes are used.
        epsilon: Float in [0, 1), the minimum distance from the boundary of the ball. In half precision it is at least
            0.002 (float16) or 0.016 (bfloat16), so that rounding does not move vectors out of the ball.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `axis` is not valid for the inputs, or `epsilon` is not in [0, 1).

    Example:
        >>> import numpy as np
        >>> print(PoincareNormalize(epsilon=0.5)(np.array([[0.3, 0.0], [3.0, 4.0]])).numpy())
        [[0.3 0. ]
         [0.3 0.4]]
    """

    def __init__(self, axis: int | Sequence[int] | None = 1, epsilon: float = 1e-5, **kwargs: Any):
        several = isinstance(axis, list | tuple) and all(is_integer(one) for one in axis)
        check(axis is None or is_integer(axis) or several, "axis", axis, "an integer, a list of integers, or None")
        check(is_number(epsilon) and 0 <= epsilon < 1, "epsilon", epsilon, "a number in [0, 1)")
        axis, epsilon = plain((axis, epsilon))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = list(axis) if isinstance(axis, list | tuple) else axis
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Validates the axes."""
        rank = len(input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis or [])
        fits = all(-rank <= axis < rank for axis in axes) and len({axis % rank for axis in axes}) == len(axes)
        check(fits, "axis", self.axis, f"an axis or a list of distinct axes of inputs of rank {rank}")

    def call(self, inputs: Tensor) -> Tensor:
        """Projects vectors outside of the ball to its boundary."""
        inputs = floating(inputs, self.compute_dtype)
        # In half precision, 1 - epsilon could be rounded to 1, the boundary of the ball.
        limit = 1 - max(self.epsilon, ROUNDING.get(self.compute_dtype, 0))
        wide = keras.backend.result_type(self.compute_dtype, "float32")  # squares overflow in float16
        squares = keras.ops.sum(keras.ops.square(keras.ops.cast(inputs, wide)), self.axis, keepdims=True)
        outside = squares > limit**2
        # The norm is replaced by 1 inside of the ball, where the gradient would be infinite at zero.
        scale = limit * keras.ops.rsqrt(keras.ops.where(outside, squares, 1))
        return inputs * keras.ops.cast(keras.ops.where(outside, scale, 1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
