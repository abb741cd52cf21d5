"""Dense layer over several axes that computes one matrix product."""

from typing import Any

import keras

from tensorsmith.core import export, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.dense_product import contracted_axes, dense_product


@export
class EinsumDense(keras.layers.EinsumDense):
    """Dense layer of Keras with an einsum equation, computed as a product of two matrices where possible.

    Arguments, weights and results are those of `keras.layers.EinsumDense`. TensorFlow computes the gradient of the
    kernel of an einsum over a batch as the sum of one product per example. If the equation contracts the last axes of
    the inputs with the first axes of the kernel, as the projections of attention layers do, this layer reshapes both to
    matrices. Other equations are computed as in Keras.

    Args:
        equation: Equation such as `"abc,cde->abde"`.
        output_shape: Shape of the output, excluding the batch axis.
        activation: Activation function, or its name. If `None`, no activation is applied.
        bias_axes: String with the output axes that have a bias, or `None`.
        **kwargs: Other arguments of `keras.layers.EinsumDense`: initializers, regularizers and constraints for kernel
            and bias, `activity_regularizer`, `lora_rank`, `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor.
        training: Not used.

    Input shape:
        The shape of the first operand of `equation`.

    Output shape:
        The shape of the result of `equation`.

    Raises:
        ValueError: If `equation` does not match the shapes.

    Example:
        >>> import keras
        >>> EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de")(keras.ops.ones((2, 5, 3))).shape
        TensorShape([2, 5, 2, 4])
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | tuple[int | None, ...],
        activation: Any = None,
        bias_axes: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(equation, plain(output_shape), activation=activation, bias_axes=bias_axes, **kwargs)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Computes the product with the kernel, adds the bias, and applies the activation."""
        count = contracted_axes(self)
        return super().call(inputs, training=training) if count is None else dense_product(self, inputs, count)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape. Keras 3.12 returns that of the inputs with which the layer was built."""
        count = contracted_axes(self) if self.built else None
        if count is None:
            return super().compute_output_shape(input_shape)
        return (*input_shape[:-count], *self.kernel.shape[count:])
