"""LiSHT (linearly scaled hyperbolic tangent) activation function."""

import keras

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers._support.floating import floating


@export
def lisht(x: TensorLike) -> Tensor:
    """Linearly scaled hyperbolic tangent activation: non-negative, even, and asymptotically linear.

    Formula:

        y = x tanh(x)

    Source: Roy et al., "LiSHT: Non-Parametric Linearly Scaled Hyperbolic Tangent Activation Function for Neural
    Networks", 2019.

    Args:
        x: Floating-point input tensor.

    Returns:
        A tensor with the same shape and dtype as `x`.

    Example:
        >>> print(lisht([-1.0, 0.0, 1.0]).numpy().round(4))
        [0.7616 0.     0.7616]
    """
    x = floating(keras.ops.convert_to_tensor(x))
    return x * keras.ops.tanh(x)
