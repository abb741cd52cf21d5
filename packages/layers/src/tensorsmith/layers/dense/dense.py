"""Dense layer with a compiled kernel for its bias and activation."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.gelu_activation import gelu_variant
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class Dense(KernelLayer, keras.layers.Dense):
    """Dense layer of Keras with a compiled kernel for the bias and the GELU activation.

    Arguments, weights and results are those of `keras.layers.Dense`:

        y = activation(x kernel + bias)

    If the activation is the Gaussian error linear unit, exact or approximate, one kernel adds the bias and computes the
    activation, and one kernel computes the gradients of both. With other activations, the layer is that of Keras.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016.

    Args:
        units: Number of output features.
        activation: Activation function, or its name. If `None`, no activation is applied.
        use_bias: If `True`, the layer has a bias vector.
        **kwargs: Other arguments of `keras.layers.Dense`: initializers, regularizers and constraints for kernel and
            bias, `activity_regularizer`, `lora_rank`, `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor.
        training: Not used.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not a positive integer.

    Example:
        >>> import keras
        >>> Dense(4, activation="gelu")(keras.ops.ones((2, 3))).shape
        TensorShape([2, 4])
    """

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        super().__init__(plain(units), activation=activation, use_bias=use_bias, **kwargs)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Computes the product with the kernel, adds the bias, and applies the activation."""
        approximate = gelu_variant(self.activation)
        if approximate is None:
            return super().call(inputs, training=training)
        return ops.gelu(keras.ops.matmul(inputs, self.kernel), self.bias, approximate=approximate)
