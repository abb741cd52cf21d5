"""Gated activation unit, a layer used in WaveNet and PixelCNN."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class GatedActivationUnit(keras.layers.Layer):
    """Gated activation unit: the sigmoid of one half of the features gates the tanh of the other half.

    It is applied to the output of a layer with twice the desired number of features, such as a convolution.

    Formula, with the halves a and b of the features:

        y = tanh(a) sigmoid(b)

    Source: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016; "WaveNet", 2016.

    Args:
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., 2 * features)`.

    Output shape:
        `(batch, ..., features)`.

    Raises:
        ValueError: If the number of features is odd or unknown.

    Example:
        >>> import numpy as np
        >>> print(GatedActivationUnit()(np.array([[100.0, 0.0]])).numpy())  # tanh(100) sigmoid(0)
        [[0.5]]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Validates the input shape. The layer has no weights."""
        features = input_shape[-1]
        check(
            features is not None and features % 2 == 0,
            "inputs",
            tuple(input_shape),
            "have an even number of features",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Multiplies the tanh of one half of the features by the sigmoid of the other half."""
        inputs = floating(inputs, self.compute_dtype)
        a, b = ops.split(inputs, 2, axis=-1)  # (..., features / 2) each
        return ops.tanh(a) * ops.sigmoid(b)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with half the features."""
        features: Any = input_shape[-1]
        return (*input_shape[:-1], features // 2)
