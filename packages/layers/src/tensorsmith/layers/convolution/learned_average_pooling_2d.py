"""Trainable average pooling layer of LeNet-5."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LearnedAveragePooling2D(keras.layers.AveragePooling2D):
    """Subsampling layer of LeNet-5: average pooling with a learned coefficient and bias for each channel.

    Formula:

        y = activation(coefficient mean(x) + bias)

    The paper uses the sum over the window instead of the mean, with coefficients that are smaller by the size of the
    window.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, where the activation is a
    scaled tanh.

    Args:
        pool_size: Integer or pair of integers, the height and width of the pooling window.
        strides: Integer, pair of integers, or `None`, the strides of the pooling window. If `None`, `pool_size` is
            used.
        padding: `"valid"` or `"same"`. Padded positions are excluded from the mean.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `keras.config.image_data_format()`.
        activation: Activation function to use. If `None`, no activation is applied.
        coefficient_initializer: Initializer for the pooling coefficients.
        bias_initializer: Initializer for the biases.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with `"channels_first"`.

    Output shape:
        Same as that of `keras.layers.AveragePooling2D`.

    Raises:
        ValueError: If `pool_size` or `strides` is not a positive integer or a pair of them, `padding` is unknown, or
            the number of channels is unknown.

    Example:
        >>> import numpy as np
        >>> x = np.arange(16.0).reshape((1, 4, 4, 1))
        >>> print(LearnedAveragePooling2D(bias_initializer="ones")(x).numpy().ravel())
        [ 3.5  5.5 11.5 13.5]
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Activation | None = None,
        coefficient_initializer: Initializer = "ones",
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ):
        check(_fits(pool_size), "pool_size", pool_size, "a positive integer or a pair of positive integers")
        expected = "a positive integer, a pair of positive integers, or None"
        check(strides is None or _fits(strides), "strides", strides, expected)
        check(padding in ("valid", "same"), "padding", padding, "'valid' or 'same'")
        known = data_format in ("channels_last", "channels_first", None)
        check(known, "data_format", data_format, "'channels_last', 'channels_first' or None")
        pool_size, strides = plain((pool_size, strides))
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        self.activation = keras.activations.get(activation)
        self.coefficient_initializer = keras.initializers.get(coefficient_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the layer."""
        first = self.data_format == "channels_first"
        channels = input_shape[1 if first else -1]
        check(channels is not None, "inputs", tuple(input_shape), "have a known number of channels")
        # Shape that broadcasts over the spatial axes in either data format.
        shape = (channels, 1, 1) if first else (channels,)
        self.coefficient = self.add_weight(shape=shape, name="coefficient", initializer=self.coefficient_initializer)
        self.bias = self.add_weight(shape=shape, name="bias", initializer=self.bias_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the averages, and scales and shifts them."""
        inputs = floating(inputs, self.compute_dtype)
        return self.activation(self.coefficient * super().call(inputs) + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "activation": keras.activations.serialize(self.activation),
            "coefficient_initializer": keras.initializers.serialize(self.coefficient_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **own}


def _fits(size: Any) -> bool:
    pair = [size, size] if is_integer(size) else size
    fits = isinstance(pair, list | tuple) and len(pair) == 2
    return fits and all(is_integer(side) and side > 0 for side in pair)
