"""A convolution by a table of connections."""

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
    """A convolution whose output maps each see some of the input maps, as a table says.

    Formula, for the output map o, with the sum over those input maps i for which the table has a 1:

        y[o] = activation(sum over i of conv(x[i], kernel[i, o]) + bias[o])

    Only connections have weights: the layer has one kernel of height times width for each 1 in the table. For tables
    of blocks there is `keras.layers.Conv2D(groups=...)`.

    `SparselyConnectedConv2D.LENET_C3` is the table of LeNet-5's second convolution: 6 output maps see 3 neighbours of
    the 6 input maps each, 6 see 4 neighbours, 3 see two pairs, and one sees all. So they must find different things.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.

    Args:
        connections: The table, of 0 and 1, a row for each input map and a column for each output map.
        kernel_size: Height and width of the kernels, or one number for both.
        strides: Step of the kernels.
        padding: "valid" or "same".
        activation: The activation.
        use_bias: Whether there is a bias.
        kernel_initializer: Initializer of the kernels, which draws them as those of a full convolution.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernels.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, height, width, channels)`, with as many channels as the table has rows.

    Output shape:
        That of `keras.layers.Conv2D` with as many filters as the table has columns.

    Raises:
        ValueError: `connections` is no table of 0 and 1 with a 1 in each column, `kernel_size` or `strides` holds no
            positive integers, `padding` is unknown, or the inputs have another number of channels
            or are smaller than the kernels.

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
        expected = "a table of 0 and 1, a row for each input map, with a 1 in each column"
        check(_is_table(connections), "connections", connections, expected)
        check(_is_size(kernel_size), "kernel_size", kernel_size, "a positive integer, or two")
        check(_is_size(strides), "strides", strides, "a positive integer, or two")
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
        """Makes a kernel for each connection."""
        table = np.array(self.connections, bool)
        fits = input_shape[-1] == len(table)
        check(fits, "inputs", tuple(input_shape), f"{len(table)} channels, one for each row of `connections`")
        size = _pair(self.kernel_size)
        places = np.flatnonzero(table)

        def connected(shape: Shape, dtype: DType | None = None) -> Tensor:
            full = self.kernel_initializer((*size, *table.shape), dtype)
            return ops.take(ops.reshape(full, (*size, table.size)), places, axis=-1)

        self.kernel = self.add_weight(
            shape=(*size, len(places)), name="kernel", initializer=connected, regularizer=self.kernel_regularizer
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(table.shape[1],), name="bias", initializer=self.bias_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Convolves, with zeros where there is no connection."""
        inputs = floating(inputs, self.compute_dtype)
        table = np.array(self.connections, bool)
        place = np.where(table, np.cumsum(table).reshape(table.shape) - 1, 0)
        kernel = ops.take(ops.convert_to_tensor(self.kernel), place, axis=-1) * ops.cast(table, self.compute_dtype)
        y = ops.conv(inputs, kernel, self.strides, self.padding, data_format="channels_last")
        return self.activation(y + self.bias if self.use_bias else y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Smaller by the strides and, if padding is "valid", by the kernel."""
        batch, *sides, _ = input_shape
        smaller = []
        for side, size, step in zip(sides, _pair(self.kernel_size), _pair(self.strides), strict=True):
            lost = size - 1 if self.padding == "valid" else 0
            fits = side is None or side > lost
            check(fits, "inputs", tuple(input_shape), f"no sides below the kernel's, {_pair(self.kernel_size)}")
            smaller.append(None if side is None else -(-(side - lost) // step))
        return (batch, *smaller, len(self.connections[0]))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
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
    except (TypeError, ValueError):  # rows of several lengths, or no numbers
        return False
    return table.ndim == 2 and bool(np.isin(table, (0, 1)).all()) and bool(table.any(axis=0).all()) and table.size > 0


def _pair(size: int | Sequence[int]) -> Any:
    return (size, size) if is_integer(size) else size


def _is_size(size: Any) -> bool:
    pair = [size, size] if is_integer(size) else size
    fits = isinstance(pair, list | tuple) and len(pair) == 2
    return fits and all(is_integer(side) and side > 0 for side in pair)
