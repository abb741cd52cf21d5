"""Sparsemax activation layer, an alternative to softmax that produces sparse outputs."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class Sparsemax(keras.layers.Layer):
    """Sparsemax activation layer: a projection onto the probability simplex, which produces sparse outputs.

    See `tensorsmith.layers.activations.sparsemax`.

    Formula, with the threshold t for which the outputs sum to 1:

        y = max(x - t, 0)

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016.

    Args:
        axis: Integer, the axis along which the outputs sum to 1.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `axis` is not an integer, or is not an axis of the inputs.

    Example:
        >>> import numpy as np
        >>> print(Sparsemax()(np.array([[0.5, 0.0, 0.2]])).numpy().round(4))
        [[0.6 0.1 0.3]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        check(is_integer(axis), "axis", axis, "an integer")
        axis = plain(axis)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = axis

    def call(self, inputs: Tensor) -> Tensor:
        """Applies the sparsemax activation along the axis of the layer."""
        inputs = floating(inputs, self.compute_dtype)
        return activations.sparsemax(inputs, self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "axis": self.axis}
