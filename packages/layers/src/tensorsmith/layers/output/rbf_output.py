"""Radial basis function output layer of LeNet-5."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class RBFOutput(keras.layers.Layer):
    """Radial basis function (RBF) output layer of LeNet-5: squared distances to a center vector per class.

    The class with the smallest distance is the prediction. Formula, for the column w_k of the kernel:

        y[k] = |x - w_k|²

    LeNet-5 uses fixed vectors, which are images of the characters with values -1 and 1. To do so, pass them as
    `keras.initializers.Constant(images)`, an array of shape `(features, units)`, and use `trainable=False`.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.

    Args:
        units: Positive integer, the number of classes.
        kernel_initializer: Initializer for the center vectors.
        kernel_regularizer: Regularizer for the center vectors.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. The sum is computed in float32 for half-precision inputs.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not a positive integer, or the number of features is unknown.

    Example:
        >>> import keras, numpy as np
        >>> images = np.array([[1.0, -1.0], [1.0, 1.0]])  # one vector per column
        >>> layer = RBFOutput(2, keras.initializers.Constant(images), trainable=False)
        >>> print(layer(np.array([[1.0, 1.0], [-1.0, 0.0]])).numpy())
        [[0. 4.]
         [5. 1.]]
    """

    def __init__(
        self,
        units: int,
        kernel_initializer: Initializer = "random_normal",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        units = plain(units)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Creates the center vectors."""
        features = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "have a known number of features")
        self.kernel = self.add_weight(
            shape=(features, self.units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the squared distances from the center vectors."""
        inputs = floating(inputs, self.compute_dtype)
        # The expansion |x|² - 2 x w + |w|² would lose precision, and could be negative, close to a vector.
        differences = ops.expand_dims(inputs, -1) - self.kernel  # (..., features, units)
        wide = ops.cast(differences, keras.backend.result_type(inputs.dtype, "float32"))
        return ops.cast(ops.sum(ops.square(wide), axis=-2), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
