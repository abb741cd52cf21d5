"""Recurrent cell discovered by neural architecture search."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class NASCell(keras.layers.Layer):
    """Recurrent cell discovered by neural architecture search for language models.

    Use the cell in a layer as `keras.layers.RNN(NASCell(8))`. Formula, with the products a = x kernel and b = m[t-1]
    recurrent_kernel + bias split into 8 parts each, and s the sigmoid:

        u = s(a0 + b0) relu(a1 + b1)        v = s(a2 + b2) + relu(a3 b3)
        w = tanh(a4 + b4) s(a5 + b5)        z = tanh(a6 + b6) + s(a7 + b7)
        c[t] = tanh(tanh(u) + c[t-1]) tanh(v)
        m[t] = tanh(c[t] tanh(tanh(w) + s(z))) projection_weights

    Source: Zoph and Le, "Neural Architecture Search with Reinforcement Learning", 2017.

    Args:
        units: Positive integer, dimensionality of the state c, and of the state m if `projection` is `None`.
        projection: Positive integer, dimensionality to which the state m is projected. If `None`, m is not projected.
        use_bias: If `True`, the layer uses a bias vector.
        kernel_initializer: Initializer for the kernel matrix.
        recurrent_initializer: Initializer for the recurrent kernel.
        projection_initializer: Initializer for the projection matrix.
        bias_initializer: Initializer for the bias vector.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor of shape `(batch, features)`.
        states: List of the previous states c and m.

    Input shape:
        `(batch, features)`, `(batch, units)` and `(batch, projection or units)`.

    Output shape:
        The output m, `(batch, projection or units)`, and a list with the new states.

    Raises:
        ValueError: If `units` or `projection` is not a positive integer.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.RNN(NASCell(4), return_sequences=True)
        >>> layer(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    def __init__(
        self,
        units: int,
        projection: int | None = None,
        use_bias: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "glorot_uniform",
        projection_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        fits = projection is None or (is_integer(projection) and projection > 0)
        check(fits, "projection", projection, "a positive integer or None")
        units, projection = plain((units, projection))
        super().__init__(**kwargs)
        self.units = units
        self.projection = projection
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.projection_initializer = keras.initializers.get(projection_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.output_size = projection or units
        self.state_size = [units, self.output_size]

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the cell."""
        shape = (self.output_size, 8 * self.units)
        self.recurrent_kernel = self.add_weight(shape, self.recurrent_initializer, name="recurrent_kernel")
        shape = (input_shape[-1], 8 * self.units)
        self.kernel = self.add_weight(shape, self.kernel_initializer, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((8 * self.units,), self.bias_initializer, name="bias")
        if self.projection is not None:
            shape = (self.units, self.projection)
            self.projection_weights = self.add_weight(shape, self.projection_initializer, name="projection_weights")

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Computes one time step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        sigmoid, tanh, relu = keras.ops.sigmoid, keras.ops.tanh, keras.ops.relu
        c, m = states
        recurrent = keras.ops.matmul(m, self.recurrent_kernel)
        recurrent = recurrent + self.bias if self.use_bias else recurrent
        # Eight parts of shape (batch, units) of each product.
        a = keras.ops.split(keras.ops.matmul(inputs, self.kernel), 8, axis=1)
        b = keras.ops.split(recurrent, 8, axis=1)
        # u, v, w and z of the formula. Only v multiplies two parts, a3 and b3.
        u = sigmoid(a[0] + b[0]) * relu(a[1] + b[1])
        v = sigmoid(a[2] + b[2]) + relu(a[3] * b[3])
        w = tanh(a[4] + b[4]) * sigmoid(a[5] + b[5])
        z = tanh(a[6] + b[6]) + sigmoid(a[7] + b[7])
        c = tanh(tanh(u) + c) * tanh(v)
        m = tanh(c * tanh(tanh(w) + sigmoid(z)))
        if self.projection is not None:
            m = keras.ops.matmul(m, self.projection_weights)
        return m, [c, m]

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> list[Tensor]:
        """Returns tensors of zeros as the initial states."""
        return [keras.ops.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the cell."""
        own = {
            "units": self.units,
            "projection": self.projection,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "projection_initializer": keras.initializers.serialize(self.projection_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **own}
