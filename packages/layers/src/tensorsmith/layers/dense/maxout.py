"""Maxout."""

import math
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class Maxout(keras.layers.Layer):
    """The maximum over groups of features: behind a linear layer, an activation that is learned.

    Feature j of the n that remain is the maximum of the features j, j + n, j + 2 n and so on, as in TensorFlow Addons;
    `DepthwiseMaxPool` takes neighbours instead. Formula:

        y[j] = max(x[j], x[j + n], x[j + 2 n], ...)

    Source: Goodfellow et al., "Maxout Networks", 2013.

    Args:
        num_units: How many features remain; it divides their number.
        axis: That of the features.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., features, ...)`.

    Output shape:
        `(batch, ..., num_units, ...)`.

    Raises:
        ValueError: `num_units` is no positive integer or does not divide the features, or there is no such axis.

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
        """Looks at the number of features."""
        rank = len(input_shape)
        check(-rank < self.axis < rank and self.axis != 0, "axis", self.axis, f"one of {rank}, and not the batch's")
        features: Any = input_shape[self.axis]
        check(features is not None, "inputs", tuple(input_shape), "a known number of features")
        divides = features % self.num_units == 0
        check(divides, "num_units", self.num_units, f"a divisor of the {features} features")

    def call(self, inputs: Tensor) -> Tensor:
        """Takes the maxima."""
        inputs = floating(inputs, self.compute_dtype)
        axis = self.axis % len(inputs.shape)
        groups = inputs.shape[axis] // self.num_units
        shape = list(keras.ops.shape(inputs))
        grouped = keras.ops.reshape(inputs, [*shape[:axis], groups, self.num_units, *shape[axis + 1 :]])
        return keras.ops.max(grouped, axis, initial=-math.inf)  # which batches may have nothing but

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with `num_units` features."""
        shape = list(input_shape)
        shape[self.axis] = self.num_units
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "num_units": self.num_units, "axis": self.axis}
