"""Squeeze-and-excitation block, a layer that rescales the channels of images."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh


@export
class SqueezeExcitation(keras.layers.Layer):
    """Squeeze-and-excitation block: scales each channel by a gate computed from the means of all channels.

    Formula, with the mean over all spatial positions, and W1 with channels / ratio columns, but at least one:

        y = x sigmoid(activation(mean(x) W1 + b1) W2 + b2)

    Source: Hu et al., "Squeeze-and-Excitation Networks", 2018.

    Args:
        ratio: Positive integer, the reduction ratio of the hidden layer.
        activation: Activation function of the hidden layer.
        kernel_initializer: Initializer for the kernels W1 and W2 of the two dense layers.
        kernel_regularizer: Regularizer for the kernels W1 and W2 of the two dense layers.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. The mean is computed in float32 for half-precision inputs.

    Input shape:
        `(batch, ..., channels)`, with at least one spatial axis. For images: `(batch, height, width, channels)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `ratio` is not a positive integer, or the inputs have no spatial axis or an unknown number of
            channels.

    Example:
        >>> import keras
        >>> layer = SqueezeExcitation(16)
        >>> layer(keras.ops.ones((1, 7, 7, 256))).shape
        TensorShape([1, 7, 7, 256])
        >>> layer.count_params()
        8464
    """

    def __init__(
        self,
        ratio: int = 16,
        activation: Activation = "relu",
        kernel_initializer: Initializer = "he_normal",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        check(is_integer(ratio) and ratio > 0, "ratio", ratio, "a positive integer")
        ratio = plain(ratio)
        super().__init__(**kwargs)
        self.ratio = ratio
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Creates the two dense layers."""
        channels: Any = input_shape[-1]
        fits = len(input_shape) > 2 and channels is not None
        check(
            fits,
            "inputs",
            tuple(input_shape),
            "have shape (batch, ..., channels) with spatial axes and a known number of channels",
        )
        narrow = max(1, channels // self.ratio)
        self.squeeze = self._dense(narrow, self.activation)
        self.squeeze.build((None, channels))
        self.excite = self._dense(channels, "sigmoid")
        self.excite.build((None, narrow))

    def _dense(self, units: int, activation: Activation) -> keras.Layer:
        return keras.layers.Dense(
            units,
            activation,
            kernel_initializer=fresh(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Scales the channels by their gates."""
        inputs = floating(inputs, self.compute_dtype)
        # All spatial axes. The means have shape (batch, channels).
        positions = list(range(1, len(inputs.shape) - 1))
        wide = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        means = ops.cast(ops.mean(wide, positions), inputs.dtype)
        # The gates are broadcast over the spatial axes: (batch, 1, ..., 1, channels).
        return inputs * ops.expand_dims(self.excite(self.squeeze(means)), positions)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "ratio": self.ratio,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
