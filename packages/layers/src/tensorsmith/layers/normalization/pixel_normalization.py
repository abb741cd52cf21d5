"""Pixelwise feature vector normalization layer, used in GAN generators."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class PixelNormalization(keras.layers.Layer):
    """Pixelwise feature vector normalization: divides the channels of each pixel by their root mean square.

    In the generator of a GAN, it prevents the magnitudes of activations from growing out of control.

    Formula:

        y = x / sqrt(mean(x²) + epsilon)

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018.

    Args:
        epsilon: Small positive float added to the mean square for numerical stability.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. Half-precision inputs, which cannot represent so small an epsilon, are computed
            in float32.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `epsilon` is not positive.

    Example:
        >>> import numpy as np
        >>> print(PixelNormalization()(np.array([[1.0, 7.0]])).numpy())  # sqrt((1 + 49) / 2) = 5
        [[0.2 1.4]]
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs: Any):
        check(is_number(epsilon) and epsilon > 0, "epsilon", epsilon, "a positive number")
        epsilon = plain(epsilon)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.epsilon = epsilon

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        squares = ops.mean(ops.square(x), axis=-1, keepdims=True)  # (..., 1)
        return ops.cast(x * ops.rsqrt(squares + self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "epsilon": self.epsilon}
