"""Residual block of dense layers with a shortcut."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh


@export
class ResidualDense(keras.layers.Layer):
    """Residual block of dense layers: the sum of a shortcut and a stack of dense layers.

    Formula, with f a stack of dense layers with activations:

        y = f(x) + shortcut(x)

    The shortcut is the identity, or a linear projection if x and y have different numbers of features.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, applied to dense layers.

    Args:
        units: Positive integer, the number of units of each dense layer.
        num_layers: Positive integer, the number of dense layers.
        activation: Activation function of the dense layers.
        kernel_initializer: Initializer for the kernels of the dense layers.
        kernel_regularizer: Regularizer for the kernels of the dense layers.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If `units` or `num_layers` is not a positive integer, or the number of features is unknown.

    Example:
        >>> import keras
        >>> x = keras.ops.convert_to_tensor([[1.0, 2.0]])
        >>> print(ResidualDense(2, kernel_initializer="identity")(x).numpy())
        [[2. 4.]]
    """

    def __init__(
        self,
        units: int,
        num_layers: int = 2,
        activation: Activation = "elu",
        kernel_initializer: Initializer = "he_normal",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        check(is_integer(num_layers) and num_layers > 0, "num_layers", num_layers, "a positive integer")
        units, num_layers = plain((units, num_layers))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.units = units
        self.num_layers = num_layers
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Creates the dense layers and, if the number of features changes, the projection shortcut."""
        features = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "have a known number of features")
        self.hidden = [self._dense(activation=self.activation) for _ in range(self.num_layers)]
        for layer, size in zip(self.hidden, [features] + [self.units] * (self.num_layers - 1), strict=True):
            layer.build((*input_shape[:-1], size))
        self.projection = None
        if features != self.units:
            self.projection = self._dense(use_bias=False)
            self.projection.build(input_shape)

    def _dense(self, **arguments: Any) -> keras.Layer:
        return keras.layers.Dense(
            self.units,
            kernel_initializer=fresh(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            **arguments,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the output of the dense layers to the shortcut."""
        inputs = floating(inputs, self.compute_dtype)
        y = inputs
        for layer in self.hidden:
            y = layer(y)
        return y + (inputs if self.projection is None else self.projection(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "units": self.units,
            "num_layers": self.num_layers,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
