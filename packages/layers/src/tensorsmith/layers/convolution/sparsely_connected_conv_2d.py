"""2D convolution layer with a connection table, as in LeNet-5."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, DType, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class SparselyConnectedConv2D(keras.layers.Layer):
    """2D convolution layer that connects each output channel to a subset of the input channels, as in LeNet-5.

    Formula, for the output channel o, with the sum over the input channels i for which the table has a 1:

        y[o] = activation(sum over i of conv(x[i], kernel[i, o]) + bias[o])

    Only connections have weights: the layer has one kernel of size height x width for each 1 in the table. For
    block-diagonal tables, use `keras.layers.Conv2D(groups=...)`.

    `SparselyConnectedConv2D.LENET_C3` is the table of the second convolution of LeNet-5: 6 output channels are
    connected to 3 adjacent input channels of 6, 6 to 4 adjacent ones, 3 to two pairs, and one to all. This forces them
    to extract different features.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.

    Args:
        connections: Binary matrix with one row for each input channel and one column for each output channel.
        kernel_size: Integer or pair of integers, the height and width of the convolution window.
        strides: Integer or pair of integers, the strides of the convolution.
        padding: `"valid"` or `"same"`, the padding of the convolution.
        activation: Activation function to use. If `None`, no activation is applied.
        use_bias: If `True`, the layer uses a bias vector.
        kernel_initializer: Initializer for the kernels, called with the full kernel shape of a dense convolution.
        bias_initializer: Initializer for the bias vector.
        kernel_regularizer: Regularizer function applied to the convolution kernels.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, height, width, channels)`, with one channel for each row of the table.

    Output shape:
        Same as that of `keras.layers.Conv2D` with one filter for each column of the table.

    Raises:
        ValueError: If `connections` is not a table of 0 and 1 with a 1 in each column, `kernel_size` or `strides` is
            not a positive integer or a pair of them, `padding` is unknown, or the inputs have another number of
            channels or are smaller than the kernels.

    Example:
        >>> import keras
        >>> c3 = SparselyConnectedConv2D(SparselyConnectedConv2D.LENET_C3, 5, activation="tanh")
        >>> c3(keras.ops.zeros((1, 14, 14, 6))).shape
        TensorShape([1, 10, 10, 16])
        >>> c3.count_params()
        1516
    """

    LENET_C3: ClassVar[tuple[tuple[int, ...], ...]] = (
        (1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1),
        (1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1),
        (1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1),
        (0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1),
        (0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1),
        (0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1),
    )

    def __init__(
        self,
        connections: Sequence[Sequence[int]] | np.ndarray,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        activation: Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        expected = "a table of zeros and ones, with one row for each input channel and at least one 1 in each column"
        check(_is_table(connections), "connections", connections, expected)
        check(_is_size(kernel_size), "kernel_size", kernel_size, "a positive integer or a pair of positive integers")
        check(_is_size(strides), "strides", strides, "a positive integer or a pair of positive integers")
        check(padding in ("valid", "same"), "padding", padding, "'valid' or 'same'")
        kernel_size, strides = plain((kernel_size, strides))
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=4)
        self.connections = np.asarray(connections, int).tolist()
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Creates one kernel for each connection."""
        table = np.array(self.connections, bool)
        fits = input_shape[-1] == len(table)
        check(
            fits,
            "inputs",
            tuple(input_shape),
            f"have {len(table)} channels, one for each row of `connections`",
        )
        size = _pair(self.kernel_size)
        # Indices of the connections in the flattened table.
        positions = np.flatnonzero(table)

        # The initializer receives the shape of the full kernel, so that its fan-in is that of all input channels.
        def connected(shape: Shape, dtype: DType | None = None) -> Tensor:
            full = self.kernel_initializer((*size, *table.shape), dtype)
            return ops.take(ops.reshape(full, (*size, table.size)), positions, axis=-1)

        self.kernel = self.add_weight(
            shape=(*size, len(positions)), name="kernel", initializer=connected, regularizer=self.kernel_regularizer
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(table.shape[1],), name="bias", initializer=self.bias_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Applies the convolution. Kernels of absent connections are zero."""
        inputs = floating(inputs, self.compute_dtype)
        table = np.array(self.connections, bool)
        # Scatter the kernels of the connections into a full kernel.
        position = np.where(table, np.cumsum(table).reshape(table.shape) - 1, 0)
        # (height, width, inputs, outputs), with zeros where there is no connection.
        kernel = ops.take(ops.convert_to_tensor(self.kernel), position, axis=-1) * ops.cast(table, self.compute_dtype)
        y = ops.conv(inputs, kernel, self.strides, self.padding, data_format="channels_last")
        return self.activation(y + self.bias if self.use_bias else y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of the convolution."""
        batch, *sides, _ = input_shape
        smaller = []
        for side, size, step in zip(sides, _pair(self.kernel_size), _pair(self.strides), strict=True):
            lost = size - 1 if self.padding == "valid" else 0
            fits = side is None or side > lost
            expected = f"have spatial axes at least as large as the kernel {_pair(self.kernel_size)}"
            check(fits, "inputs", tuple(input_shape), expected)
            smaller.append(None if side is None else -(-(side - lost) // step))
        return (batch, *smaller, len(self.connections[0]))

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "connections": self.connections,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}


def _is_table(connections: Any) -> bool:
    try:
        table = np.asarray(connections, float)
    except (TypeError, ValueError):  # rows of different lengths, or entries that are not numbers
        return False
    return table.ndim == 2 and bool(np.isin(table, (0, 1)).all()) and bool(table.any(axis=0).all()) and table.size > 0


def _pair(size: int | Sequence[int]) -> Any:
    return (size, size) if is_integer(size) else size


def _is_size(size: Any) -> bool:
    pair = [size, size] if is_integer(size) else size
    fits = isinstance(pair, list | tuple) and len(pair) == 2
    return fits and all(is_integer(side) and side > 0 for side in pair)
