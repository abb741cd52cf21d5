"""A residual block of dense layers."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh


@export
class ResidualDense(keras.layers.Layer):
    """The sum of the inputs and of what a stack of dense layers makes of them.

    Formula, with f one dense layer after another, each with an activation:

        y = f(x) + shortcut(x)

    The shortcut is x itself, or a matrix where x has another number of features than y.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, without convolutions.

    Args:
        units: Features of each dense layer.
        num_layers: How many dense layers there are.
        activation: Their activation.
        kernel_initializer: Initializer of the matrices.
        kernel_regularizer: Regularizer of the matrices.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: `units` or `num_layers` is no positive integer, or the number of features is unknown.

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
        """Makes the dense layers and, where the number of features changes, the shortcut."""
        features = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "a known number of features")
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
        """Adds the two."""
        inputs = floating(inputs, self.compute_dtype)
        y = inputs
        for layer in self.hidden:
            y = layer(y)
        return y + (inputs if self.projection is None else self.projection(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "units": self.units,
            "num_layers": self.num_layers,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
