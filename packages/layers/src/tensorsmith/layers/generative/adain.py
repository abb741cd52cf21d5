"""Adaptive instance normalization layer of StyleGAN."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.styled import styled_shapes


@export
class AdaIN(keras.layers.Layer):
    """Adaptive instance normalization: sets the mean and standard deviation of each channel from a style vector.

    Formula, with the mean and variance over the spatial positions of one channel of one example, and scale and bias
    affine functions of the style:

        y = (1 + scale) (x - mean) / sqrt(variance + epsilon) + bias

    The biases of these affine functions are initialized to 0, so that a style of zeros results in the normalized
    inputs.

    Source: Huang and Belongie, "Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization", 2017. The
    learned style is from Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks",
    2019.

    Args:
        epsilon: Small positive float added to the variance for numerical stability.
        kernel_initializer: Initializer for the matrix that maps styles to scales and biases.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Tuple `(x, style)` of tensors. The statistics are computed in float32 for half-precision inputs.

    Input shape:
        `(batch, height, width, channels)` and `(batch, features)`.

    Output shape:
        `(batch, height, width, channels)`.

    Raises:
        ValueError: If `epsilon` is not positive, or the inputs are not two tensors of these shapes.

    Example:
        >>> import keras
        >>> x = 5 + keras.random.normal((1, 64, 64, 1), seed=1)
        >>> y = AdaIN()([x, keras.ops.zeros((1, 8))]).numpy()
        >>> print(abs(y.mean().round(3)), y.std().round(3))
        0.0 1.0
    """

    def __init__(self, epsilon: float = 1e-8, kernel_initializer: Initializer = "lecun_normal", **kwargs: Any):
        check(is_number(epsilon) and epsilon > 0, "epsilon", epsilon, "a positive number")
        epsilon = plain(epsilon)
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates the dense layer that maps style vectors to scales and biases."""
        x, style = styled_shapes(input_shape)
        self.affine = keras.layers.Dense(2 * x[-1], kernel_initializer=self.kernel_initializer, dtype=self.dtype_policy)
        self.affine.build(style)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Normalizes the inputs and applies the scales and biases of the styles."""
        inputs = floating(inputs, self.compute_dtype)
        x, style = inputs
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        # Instance normalization: statistics of each channel over height and width.
        centred = wide - ops.mean(wide, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        normalized = ops.cast(centred * ops.rsqrt(variance + self.epsilon), x.dtype)
        # (batch, 1, 1, channels) each, broadcast over height and width.
        scale, bias = ops.split(self.affine(style)[:, None, None, :], 2, axis=-1)
        return (1 + scale) * normalized + bias

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Returns the output shape, which is the shape of the images."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **own}
