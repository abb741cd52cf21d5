"""LSTM layer with peephole connections and a compiled kernel, and its cell."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import export, init_arguments
from tensorsmith.core.types import Activation, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers._support.recurrent_cell import RecurrentCell
from tensorsmith.layers._support.recurrent_layer import CellLayer, checked_init, dropped, single


@export
class PeepholeLSTMCell(RecurrentCell, keras.layers.LSTMCell):
    """Cell class for `PeepholeLSTM`, compatible with TensorFlow Addons.

    The gates receive the memory state c through peephole connections. In `keras.layers.RNN`, the loop of Keras runs the
    cell; the layer `PeepholeLSTM` computes the same with a compiled kernel. Formula:

        [i, f, g, o] = x kernel + h recurrent_kernel + bias
        c' = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        h' = sigmoid(o + p_o * c') * tanh(c')

    Source: Gers et al., "Learning Precise Timing with LSTM Recurrent Networks", 2002.

    Args:
        units: Positive integer, dimensionality of the states h and c.
        **kwargs: Other arguments of `keras.layers.LSTMCell`: activations, `use_bias`, initializers, regularizers,
            constraints, `dropout`, `recurrent_dropout`, `seed`, `name`, `dtype` and `trainable`.

    {{call}}

    Raises:
        ValueError: If `units` is not a positive integer, or a dropout rate is not in [0, 1).

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.RNN(PeepholeLSTMCell(4), return_sequences=True)
        >>> layer(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    __init__ = checked_init(keras.layers.LSTMCell)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the cell."""
        super().build(input_shape)
        self.peepholes = [
            self.add_weight(
                shape=(self.units,),
                name=f"{gate}_gate_peephole_weights",
                initializer=fresh(self.kernel_initializer),
            )
            for gate in ("input", "forget", "output")
        ]

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Computes one time step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        h, c = states
        x, fed = dropped(self, inputs, h, training)
        z = keras.ops.matmul(x, self.kernel) + keras.ops.matmul(fed, self.recurrent_kernel)
        i, f, g, o = keras.ops.split(z if self.bias is None else z + self.bias, 4, axis=-1)
        p_i, p_f, p_o = self.peepholes
        # The input and forget gates see the previous memory state, the output gate sees the new one.
        c_new = self.recurrent_activation(f + p_f * c) * c + self.recurrent_activation(i + p_i * c) * self.activation(g)
        h_new = self.recurrent_activation(o + p_o * c_new) * self.activation(c_new)
        return h_new, [h_new, c_new]


@export
class PeepholeLSTM(CellLayer):
    """Long short-term memory layer with peephole connections, computed by a compiled kernel.

    Peephole connections pass the memory state c to the gates, which helps with precise timing. Formula, at each step,
    with the gates in the order i, f, g, o in the weights and a vector p for each peephole:

        [i, f, g, o] = x[t] kernel + h[t-1] recurrent_kernel + bias
        c[t] = sigmoid(f + p_f * c[t-1]) * c[t-1] + sigmoid(i + p_i * c[t-1]) * tanh(g)
        h[t] = sigmoid(o + p_o * c[t]) * tanh(c[t])

    The results are those of the `PeepholeLSTMCell` of TensorFlow Addons in `keras.layers.RNN`, with the same order of
    weights. The loop of Keras over such a cell is used for other activations. Dropout masks are shared by all steps and
    gates.

    Source: Gers et al., "Learning Precise Timing with LSTM Recurrent Networks", 2002.

    Args:
        units: Positive integer, dimensionality of the states h and c.
        activation: Activation function for the cell input g and the cell state c.
        recurrent_activation: Activation function for the gates.
        {{arguments}}
        **kwargs: Other arguments of `keras.layers.LSTM`: `use_bias`, `unit_forget_bias`, initializers, regularizers and
            constraints, `go_backwards`, `stateful`, `unroll`, `zero_output_for_mask`, `name`, `dtype` and `trainable`.
            The kernel initializer is also used for the peephole weights.

    {{call_h_c}}

    Raises:
        ValueError: If `units` is not a positive integer, or a dropout rate is not in [0, 1).

    Example:
        >>> import numpy as np
        >>> PeepholeLSTM(4, return_sequences=True)(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        **kwargs: Any,
    ):
        super().__init__(PeepholeLSTMCell, **init_arguments(locals()))

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled kernel over the sequence."""
        cell = self.cell
        weights = single(cell.kernel, cell.recurrent_kernel, cell.bias)
        peephole = tf.stack(single(*cell.peepholes))
        return ops.lstm(x, *weights, peephole=peephole, initial_state=states, **options)
