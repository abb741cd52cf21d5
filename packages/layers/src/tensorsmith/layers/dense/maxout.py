"""Maxout layer, the maximum over groups of features."""

import math
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class Maxout(keras.layers.Layer):
    """Maxout layer: the maximum over groups of features, which acts as a learned activation after a linear layer.

    Output feature j of n is the maximum of the input features j, j + n, j + 2 n, and so on, as in TensorFlow Addons.
    `DepthwiseMaxPool` groups adjacent features instead. Formula:

        y[j] = max(x[j], x[j + n], x[j + 2 n], ...)

    Source: Goodfellow et al., "Maxout Networks", 2013.

    Args:
        num_units: Positive integer, the number of output features, which must be a divisor of the number of input
            features.
        axis: Integer, the feature axis.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., features, ...)`.

    Output shape:
        `(batch, ..., num_units, ...)`.

    Raises:
        ValueError: If `num_units` is not a positive integer or does not divide the number of features, or `axis` is not
            an axis of the inputs.

    Example:
        >>> import numpy as np
        >>> print(Maxout(2)(np.array([[1.0, 5.0, 2.0, 4.0]])).numpy())
        [[2. 5.]]
    """

    def __init__(self, num_units: int, axis: int = -1, **kwargs: Any):
        check(is_integer(num_units) and num_units > 0, "num_units", num_units, "a positive integer")
        check(is_integer(axis), "axis", axis, "an integer")
        num_units, axis = plain((num_units, axis))
        super().__init__(**kwargs)
        self.num_units = num_units
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        """Validates that the number of features is divisible by the number of units."""
        rank = len(input_shape)
        check(
            -rank < self.axis < rank and self.axis != 0,
            "axis",
            self.axis,
            f"a valid axis for inputs of rank {rank}, other than the batch axis",
        )
        features: Any = input_shape[self.axis]
        divides = features is None or features % self.num_units == 0
        check(divides, "num_units", self.num_units, f"a divisor of the number of features ({features})")

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the maximum of each group of features."""
        inputs = floating(inputs, self.compute_dtype)
        axis = self.axis % len(inputs.shape)
        shape = list(keras.ops.shape(inputs))
        groups = shape[axis] // self.num_units
        # Feature g * num_units + j belongs to unit j: the axis is split into (groups, num_units).
        grouped = keras.ops.reshape(inputs, [*shape[:axis], groups, self.num_units, *shape[axis + 1 :]])
        return keras.ops.max(grouped, axis, initial=-math.inf)  # the groups of an empty batch are empty

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with `num_units` features."""
        shape = list(input_shape)
        shape[self.axis] = self.num_units
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "num_units": self.num_units, "axis": self.axis}
