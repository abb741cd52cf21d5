"""Sparsemax as a layer."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class Sparsemax(keras.layers.Layer):
    """Probabilities of which many are exactly 0: `tensorsmith.layers.activations.sparsemax` as a layer.

    Formula, with the threshold t for which the probabilities sum to 1:

        y = max(x - t, 0)

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016.

    Args:
        axis: Along which the probabilities sum to 1.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `axis` is no integer, or no axis of the inputs.

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
        """Takes the thresholds away."""
        inputs = floating(inputs, self.compute_dtype)
        return activations.sparsemax(inputs, self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "axis": self.axis}
