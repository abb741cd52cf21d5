"""GELU (Gaussian error linear unit) activation function, with the default of TensorFlow Addons."""

import keras

from tensorsmith import ops
from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers._support.floating import floating


@export
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """Gaussian error linear unit activation: the input times the probability that a normal variable is smaller.

    Formula, exact and with the approximation, which is the default here and in TensorFlow Addons. The default of
    `keras.activations.gelu` is the exact formula, which differs by up to 0.0005:

        y = x (1 + erf(x / √2)) / 2
        y ≈ x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016.

    Args:
        x: Floating-point input tensor.
        approximate: If `True`, use the approximation by the hyperbolic tangent.

    Returns:
        A tensor with the same shape and dtype as `x`.

    Example:
        >>> print(gelu([-1.0, 0.0, 1.0]).numpy().round(4), gelu([1.0], approximate=False).numpy().round(4))
        [-0.1588  0.      0.8412] [0.8413]
    """
    return ops.gelu(floating(keras.ops.convert_to_tensor(x)), approximate=approximate)
