"""Pixelwise normalization."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class PixelNormalization(keras.layers.Layer):
    """Divides the channels of each pixel by their root mean square, which keeps generators from running away.

    Formula:

        y = x / sqrt(mean(x²) + epsilon)

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018.

    Args:
        epsilon: What keeps the root from zero, above 0.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type. Half types, which lose so small an epsilon, are computed in float32.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `epsilon` is not above 0.

    Example:
        >>> import numpy as np
        >>> print(PixelNormalization()(np.array([[1.0, 7.0]])).numpy())  # sqrt((1 + 49) / 2) = 5
        [[0.2 1.4]]
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs: Any):
        check(is_number(epsilon) and epsilon > 0, "epsilon", epsilon, "a number above 0")
        epsilon = plain(epsilon)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.epsilon = epsilon

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes."""
        inputs = floating(inputs, self.compute_dtype)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        squares = ops.mean(ops.square(x), axis=-1, keepdims=True)
        return ops.cast(x * ops.rsqrt(squares + self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "epsilon": self.epsilon}
