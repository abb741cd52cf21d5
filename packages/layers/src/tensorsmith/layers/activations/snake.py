"""Snake activation function for periodic data."""

import keras

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers._support.floating import floating


@export
def snake(x: TensorLike, frequency: TensorLike = 1) -> Tensor:
    """Snake activation: a linear function plus a periodic term.

    Networks with this activation can learn and extrapolate periodic functions.

    Formula, with the frequency f:

        y = x + sin²(f x) / f = x + (1 - cos(2 f x)) / (2 f)

    Source: Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020.

    Args:
        x: Floating-point input tensor.
        frequency: Frequency f, a nonzero number or a tensor that can be broadcast to `x`.

    Returns:
        A tensor with the same shape and dtype as `x`.

    Example:
        >>> print(snake([-1.0, 0.0, 1.0]).numpy().round(4))
        [-0.2919  0.      1.7081]
    """
    x = floating(keras.ops.convert_to_tensor(x))
    frequency = keras.ops.cast(frequency, x.dtype)
    return x + keras.ops.square(keras.ops.sin(frequency * x)) / frequency
