"""The output layer of LeNet-5."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class RBFOutput(keras.layers.Layer):
    """Squared distances from learned or given vectors, one for each class: the smallest names the class.

    Formula, for the column w_k of the kernel:

        y[k] = |x - w_k|²

    LeNet-5 compares with pictures of the characters, of -1 and 1. Give such by the initializer
    `keras.initializers.Constant(pictures)`, with an array (features, units), and keep them by `trainable=False`.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.

    Args:
        units: Number of vectors.
        kernel_initializer: Initializer of the vectors.
        kernel_regularizer: Regularizer of the vectors.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type. The sum is in float32 for half types.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: `units` is no positive integer, or the number of features is unknown.

    Example:
        >>> import keras, numpy as np
        >>> pictures = np.array([[1.0, -1.0], [1.0, 1.0]])  # one a column
        >>> layer = RBFOutput(2, keras.initializers.Constant(pictures), trainable=False)
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
        """Makes the vectors."""
        features = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "a known number of features")
        self.kernel = self.add_weight(
            shape=(features, self.units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Measures the distances."""
        inputs = floating(inputs, self.compute_dtype)
        # Differences first: |x|² - 2 x w + |w|² would be off, even negative, near a vector.
        differences = ops.expand_dims(inputs, -1) - self.kernel
        wide = ops.cast(differences, keras.backend.result_type(inputs.dtype, "float32"))
        return ops.cast(ops.sum(ops.square(wide), axis=-2), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
