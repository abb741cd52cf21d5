"""GELU activation layer, with the default of TensorFlow Addons."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class GELU(keras.layers.Layer):
    """Gaussian error linear unit activation layer, as in BERT and GPT-2.

    See `tensorsmith.layers.activations.gelu`.

    Formula, exact and with the approximation:

        y = x (1 + erf(x / √2)) / 2
        y ≈ x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016.

    Args:
        approximate: If `True`, use the approximation, which is the default in TensorFlow Addons. The default of
            `keras.layers.Activation("gelu")` is the exact formula.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `approximate` is not `True` or `False`.

    Example:
        >>> import numpy as np
        >>> print(GELU()(np.array([[-1.0, 0.0, 1.0]])).numpy().round(4))
        [[-0.1588  0.      0.8412]]
    """

    def __init__(self, approximate: bool = True, **kwargs: Any):
        check(isinstance(approximate, bool), "approximate", approximate, "True or False")
        super().__init__(**kwargs)
        self.supports_masking = True
        self.approximate = approximate

    def call(self, inputs: Tensor) -> Tensor:
        """Applies the GELU activation."""
        return activations.gelu(floating(inputs, self.compute_dtype), self.approximate)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "approximate": self.approximate}
