"""The gated activation unit."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class GatedActivationUnit(keras.layers.Layer):
    """An activation of which one half of the features says what to hand on, and the other half how much of it.

    It follows a layer with twice the features that are wanted, such as a convolution.

    Formula, with the halves a and b of the features:

        y = tanh(a) sigmoid(b)

    Source: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016; "WaveNet", 2016.

    Args:
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., 2 * features)`.

    Output shape:
        `(batch, ..., features)`.

    Raises:
        ValueError: The number of features is odd or not known.

    Example:
        >>> import numpy as np
        >>> print(GatedActivationUnit()(np.array([[100.0, 0.0]])).numpy())  # tanh(100) sigmoid(0)
        [[0.5]]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Looks at the shape; there are no weights."""
        features = input_shape[-1]
        check(features is not None and features % 2 == 0, "inputs", tuple(input_shape), "an even number of features")

    def call(self, inputs: Tensor) -> Tensor:
        """Gates."""
        inputs = floating(inputs, self.compute_dtype)
        a, b = ops.split(inputs, 2, axis=-1)
        return ops.tanh(a) * ops.sigmoid(b)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with half the features."""
        features: Any = input_shape[-1]
        return (*input_shape[:-1], features // 2)
