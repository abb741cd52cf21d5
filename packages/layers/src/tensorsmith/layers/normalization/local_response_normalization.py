"""Local response normalization layer of AlexNet."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import argument_error, check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalization layer of AlexNet: channels with strong responses inhibit adjacent channels.

    Channels with a strong response inhibit adjacent channels at the same position. Formula, with the sum over a window
    of channels around c, where channels out of range count as 0:

        y[c] = x[c] / (bias + a sum(x[j]² for j in the window))^beta

    There are two conventions for the window. The argument that specifies it selects the convention:

    | argument | window | a | convention |
    | --- | --- | --- | --- |
    | `depth_radius=r` | r channels on each side | `alpha` | TensorFlow; the AlexNet paper, whose n is 2 r + 1 |
    | `size=n` | n channels; if n is even, one more before c than after | `alpha / n` | PyTorch, Caffe |

    AlexNet uses `depth_radius=2, alpha=1e-4, beta=0.75, bias=2`.

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012.

    Args:
        alpha: Non-negative float, the weight of the sum of squares. There is no default, because TensorFlow uses 1 and
            PyTorch 1e-4.
        beta: Positive float, the exponent of the denominator. There is no default, because TensorFlow uses 0.5 and
            PyTorch 0.75.
        bias: Positive float added to the weighted sum of squares for numerical stability, called k in the paper and in
            PyTorch.
        depth_radius: Integer, the number of channels in the window on each side of the central channel. Specify either
            `depth_radius` or `size`.
        size: Integer, the total number of channels in the window. Specify either `depth_radius` or `size`.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. For half-precision inputs, the computation uses float32.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If a number is out of range, or not exactly one of `depth_radius` and `size` is given.

    Example:
        >>> import numpy as np
        >>> layer = LocalResponseNormalization(alpha=1.0, beta=0.5, depth_radius=1)
        >>> print(layer(np.array([[2.0, 2.0, 0.0]])).numpy().round(4))  # 2 / sqrt(1 + 4 + 4)
        [[0.6667 0.6667 0.    ]]
    """

    def __init__(
        self,
        alpha: float,
        beta: float,
        bias: float = 1.0,
        depth_radius: int | None = None,
        size: int | None = None,
        **kwargs: Any,
    ):
        check(is_number(alpha) and alpha >= 0, "alpha", alpha, "a non-negative number")
        check(is_number(beta) and beta > 0, "beta", beta, "a positive number")
        check(is_number(bias) and bias > 0, "bias", bias, "a positive number")
        if (depth_radius is None) == (size is None):
            raise argument_error("depth_radius or size", (depth_radius, size), "passed, but not both")
        fits = depth_radius is None or (is_integer(depth_radius) and depth_radius >= 0)
        check(fits, "depth_radius", depth_radius, "a non-negative integer")
        check(size is None or (is_integer(size) and size > 0), "size", size, "a positive integer")
        alpha, beta, bias, depth_radius, size = plain((alpha, beta, bias, depth_radius, size))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha = alpha
        self.beta = beta
        self.bias = bias
        self.depth_radius = depth_radius
        self.size = size

    def build(self, input_shape: Shape) -> None:
        """Validates the number of channels."""
        fits = len(input_shape) > 1 and input_shape[-1] is not None
        check(fits, "inputs", tuple(input_shape), "have shape (batch, ..., channels) with a known number of channels")

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        size = self.size or 2 * (self.depth_radius or 0) + 1
        before, after = size // 2, (size - 1) // 2
        scale = self.alpha / size if self.size else self.alpha
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        # A product with a banded matrix, and exp of log, are several times as fast as shifted sums and a power.
        positions = ops.arange(x.shape[-1])
        steps = positions[:, None] - positions
        # window[j, c] is 1 if channel j is in the window around channel c: (channels, channels).
        window = ops.cast(ops.logical_and(steps >= -before, steps <= after), x.dtype)
        sums = ops.matmul(ops.square(x), window)
        return ops.cast(x * ops.exp(-self.beta * ops.log(self.bias + scale * sums)), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
            "depth_radius": self.depth_radius,
            "size": self.size,
        }
        return {**super().get_config(), **own}
