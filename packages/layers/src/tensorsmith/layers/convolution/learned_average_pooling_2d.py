"""The subsampling of LeNet-5."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LearnedAveragePooling2D(keras.layers.AveragePooling2D):
    """Average pooling with two learned numbers for each map.

    Formula:

        y = activation(coefficient mean(x) + bias)

    The paper has the sum over the window where this has the mean; its coefficients are smaller by the window's size.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, where the activation is a
    scaled tanh.

    Args:
        pool_size: Height and width of the window, or one number for both.
        strides: Step of the window; that of `pool_size` if None.
        padding: "valid", or "same", with which places beyond the edges do not count.
        data_format: "channels_last" or "channels_first"; Keras' setting if None.
        activation: The activation.
        coefficient_initializer: Initializer of the coefficients.
        bias_initializer: Initializer of the biases.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with the channels first.

    Output shape:
        That of `keras.layers.AveragePooling2D`.

    Raises:
        ValueError: `pool_size` or `strides` holds no positive integers, `padding` is unknown, or the number of channels
            is.

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
        check(_fits(pool_size), "pool_size", pool_size, "a positive integer, or two")
        check(strides is None or _fits(strides), "strides", strides, "a positive integer, two, or None")
        check(padding in ("valid", "same"), "padding", padding, "'valid' or 'same'")
        known = data_format in ("channels_last", "channels_first", None)
        check(known, "data_format", data_format, "'channels_last', 'channels_first' or None")
        pool_size, strides = plain((pool_size, strides))
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        self.activation = keras.activations.get(activation)
        self.coefficient_initializer = keras.initializers.get(coefficient_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        """Makes the weights."""
        first = self.data_format == "channels_first"
        channels = input_shape[1 if first else -1]
        check(channels is not None, "inputs", tuple(input_shape), "a known number of channels")
        shape = (channels, 1, 1) if first else (channels,)
        self.coefficient = self.add_weight(shape=shape, name="coefficient", initializer=self.coefficient_initializer)
        self.bias = self.add_weight(shape=shape, name="bias", initializer=self.bias_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Takes the means, and scales and shifts them."""
        inputs = floating(inputs, self.compute_dtype)
        return self.activation(self.coefficient * super().call(inputs) + self.bias)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
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
