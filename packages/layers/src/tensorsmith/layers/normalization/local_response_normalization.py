"""Local response normalization."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import argument_error, check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LocalResponseNormalization(keras.layers.Layer):
    """Channels that respond strongly damp their neighbours at the same place.

    Formula, with the sum over a window of channels around c, of which those beyond the first and the last count as 0:

        y[c] = x[c] / (bias + a sum(x[j]² for j in the window))^beta

    There are two conventions, and the argument that gives the window says which one the numbers belong to:

    | argument | window | a | where |
    | --- | --- | --- | --- |
    | `depth_radius=r` | r channels on each side | `alpha` | TensorFlow; the AlexNet paper, whose n is 2 r + 1 |
    | `size=n` | n channels; if n is even, one more before c than after | `alpha / n` | PyTorch, Caffe |

    AlexNet's numbers are `depth_radius=2, alpha=1e-4, beta=0.75, bias=2`.

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012.

    Args:
        alpha: How much neighbours damp, 0 or more. No default, as TensorFlow's is 1 and PyTorch's 1e-4.
        beta: The power, above 0. No default, as TensorFlow's is 0.5 and PyTorch's 0.75.
        bias: What keeps the denominator from zero, above 0; the paper's and PyTorch's k.
        depth_radius: Channels on each side. Give this, or `size`.
        size: Channels in the window.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type. Half types are computed in float32.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: A number is out of its range, or not one of `depth_radius` and `size` is given.

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
        check(is_number(alpha) and alpha >= 0, "alpha", alpha, "a number of 0 or more")
        check(is_number(beta) and beta > 0, "beta", beta, "a number above 0")
        check(is_number(bias) and bias > 0, "bias", bias, "a number above 0")
        if (depth_radius is None) == (size is None):
            raise argument_error("depth_radius, size", (depth_radius, size), "one of the two, and None for the other")
        fits = depth_radius is None or (is_integer(depth_radius) and depth_radius >= 0)
        check(fits, "depth_radius", depth_radius, "an integer of 0 or more")
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
        """Looks at the channels."""
        fits = len(input_shape) > 1 and input_shape[-1] is not None
        check(fits, "inputs", tuple(input_shape), "shape (batch, ..., channels), with known channels")

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes."""
        inputs = floating(inputs, self.compute_dtype)
        size = self.size or 2 * (self.depth_radius or 0) + 1
        before, after = size // 2, (size - 1) // 2
        scale = self.alpha / size if self.size else self.alpha
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        # A product with zeros and ones, and exp and log, are several times as fast as shifted sums and a power.
        places = ops.arange(x.shape[-1])
        steps = places[:, None] - places
        window = ops.cast(ops.logical_and(steps >= -before, steps <= after), x.dtype)
        sums = ops.matmul(ops.square(x), window)
        return ops.cast(x * ops.exp(-self.beta * ops.log(self.bias + scale * sums)), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
            "depth_radius": self.depth_radius,
            "size": self.size,
        }
        return {**super().get_config(), **own}
