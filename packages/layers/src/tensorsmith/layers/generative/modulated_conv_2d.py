"""Modulated convolution layer of StyleGAN2."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers._support.styled import styled_shapes


@export
class ModulatedConv2D(keras.layers.Layer):
    """2D convolution whose kernel is modulated by a style vector, with a different kernel for each example.

    Formula, for the input channel i and the output channel o, with s an affine function of the style whose bias is
    initialized to 1, and the sum over i and the spatial positions k of the kernel:

        kernel[k, i, o] = s[i] w[k, i, o]
        kernel[k, i, o] /= sqrt(sum(kernel[k, i, o]²) + epsilon)      with `demodulate`
        y = activation(conv(x, kernel) + bias)

    With demodulation, the outputs have the standard deviation of the inputs for any style. Unlike `AdaIN`, the layer
    does not use the statistics of its inputs, and it avoids the droplet artifacts that they cause in images.

    Scaling the channels of the inputs and outputs is equivalent to scaling the kernels, so that a single convolution
    computes all examples.

    Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020.

    Args:
        filters: Integer, the number of output channels.
        kernel_size: Integer, the height and width of the kernel.
        demodulate: If `True`, normalize the modulated kernels to unit norm. Use `False` in layers that convert channels
            to colors.
        activation: Activation function to use. If `None`, no activation is applied.
        use_bias: If `True`, the layer uses a bias vector.
        epsilon: Small positive float added to the sum of squares for numerical stability.
        kernel_initializer: Initializer for the kernel w and for the matrix that maps styles to scales s.
        bias_initializer: Initializer for the bias vector.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Tuple `(x, style)` of tensors. The modulation is computed in float32 for half-precision inputs.

    Input shape:
        `(batch, height, width, channels)` and `(batch, features)`.

    Output shape:
        `(batch, height, width, filters)`.

    Raises:
        ValueError: If `filters` or `kernel_size` is not a positive integer, `epsilon` is not positive, or the inputs
            are not two tensors of these shapes.

    Example:
        >>> import keras
        >>> x, style = keras.random.normal((1, 64, 64, 16), seed=1), keras.random.normal((1, 8), seed=2)
        >>> y = ModulatedConv2D(32, 3)([x, 100 * style])
        >>> print(y.shape, y.numpy().std().round(1))
        (1, 64, 64, 32) 1.0
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        demodulate: bool = True,
        activation: Activation | None = None,
        use_bias: bool = True,
        epsilon: float = 1e-8,
        kernel_initializer: Initializer = "lecun_normal",
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ):
        check(is_integer(filters) and filters > 0, "filters", filters, "a positive integer")
        check(is_integer(kernel_size) and kernel_size > 0, "kernel_size", kernel_size, "a positive integer")
        check(is_number(epsilon) and epsilon > 0, "epsilon", epsilon, "a positive number")
        filters, kernel_size, epsilon = plain((filters, kernel_size, epsilon))
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.demodulate = demodulate
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates the weights, and the dense layer that maps style vectors to scales."""
        x, style = styled_shapes(input_shape)
        self.affine = keras.layers.Dense(
            x[-1],
            kernel_initializer=fresh(self.kernel_initializer),
            bias_initializer="ones",
            dtype=keras.backend.result_type(self.compute_dtype, "float32"),
        )
        self.affine.build(style)
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.kernel_size, x[-1], self.filters),
            name="kernel",
            initializer=self.kernel_initializer,
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), name="bias", initializer=self.bias_initializer)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Modulates the kernel, applies the convolution, and demodulates the outputs."""
        inputs = floating(inputs, self.compute_dtype)
        x, style = inputs
        scale = self.affine(style)  # (batch, channels)
        if not self.demodulate:
            y = self._convolved(x, scale)
        else:
            # Demodulation cancels any factor of the scale. Dividing by it avoids overflow in half precision.
            factor = ops.stop_gradient(ops.maximum(ops.max(ops.abs(scale), axis=-1, keepdims=True), 1))
            scale = scale / factor
            y = ops.cast(self._convolved(x, scale), scale.dtype)
            # Epsilon is divided by the square of the factor, as the squares of the kernel are.
            y = ops.cast(_by_channel(y, self._lengths_inverse(scale, self.epsilon / factor**2)), x.dtype)
        return self.activation(y + self.bias if self.use_bias else y)

    def _convolved(self, x: Tensor, scale: Tensor) -> Tensor:
        x = _by_channel(x, ops.cast(scale, x.dtype))
        return ops.conv(x, self.kernel, padding="same", data_format="channels_last")

    def _lengths_inverse(self, scale: Tensor, epsilon: float) -> Tensor:
        """Returns the reciprocal norm of the modulated kernel for each example and output channel."""
        # Sum over the positions k of the kernel: (channels, filters).
        squares = ops.sum(ops.square(ops.cast(self.kernel, scale.dtype)), axis=(0, 1))
        # sum_i s[i]² sum_k w[k, i, o]² for each example and filter: (batch, filters).
        return ops.rsqrt(ops.matmul(ops.square(scale), squares) + epsilon)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Returns the output shape: the shape of the images with `filters` channels."""
        return (*input_shape[0][:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "demodulate": self.demodulate,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **own}


def _by_channel(images: Tensor, scale: Tensor) -> Tensor:
    return images * scale[:, None, None, :]
