"""Layer-normalized, fully connected RNN layer with a compiled kernel, and its cell."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, init_arguments, is_number, plain
from tensorsmith.core.types import Activation, Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.recurrent_cell import RecurrentCell
from tensorsmith.layers._support.recurrent_layer import CellLayer, check_recurrent, dropped, single

GAMMA = ("gamma_initializer", "gamma_regularizer", "gamma_constraint")


@export
class LayerNormSimpleRNNCell(RecurrentCell, keras.layers.SimpleRNNCell):
    """Cell class for `LayerNormSimpleRNN`, compatible with TensorFlow Addons.

    Layer normalization is applied before the bias. In `keras.layers.RNN`, the loop of Keras runs the cell; the layer
    `LayerNormSimpleRNN` computes the same with a compiled kernel. Formula:

        h' = tanh(gamma * norm(x kernel + h recurrent_kernel) + bias)

    Source: Ba et al., "Layer Normalization", 2016.

    Args:
        units: Positive integer, dimensionality of the output space (the state h).
        layernorm_epsilon: Small float added to the variance for numerical stability.
        gamma_initializer: Initializer for the gamma weight.
        gamma_regularizer: Regularizer for the gamma weight.
        gamma_constraint: Constraint for the gamma weight.
        {{dropout}}

    The other arguments are those of `keras.layers.SimpleRNNCell`.

    {{call}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or `layernorm_epsilon` is
            negative.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.RNN(LayerNormSimpleRNNCell(4), return_sequences=True)
        >>> layer(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        use_bias: bool = True,
        layernorm_epsilon: float = 1e-5,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        gamma_initializer: Initializer = "ones",
        kernel_regularizer: Regularizer | None = None,
        recurrent_regularizer: Regularizer | None = None,
        bias_regularizer: Regularizer | None = None,
        gamma_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        recurrent_constraint: Constraint | None = None,
        bias_constraint: Constraint | None = None,
        gamma_constraint: Constraint | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ):
        arguments = plain(init_arguments(locals()))
        check_recurrent(units, dropout, recurrent_dropout)
        fits = is_number(layernorm_epsilon) and layernorm_epsilon >= 0
        check(fits, "layernorm_epsilon", layernorm_epsilon, "a non-negative number")
        epsilon = arguments.pop("layernorm_epsilon")
        gamma = {name: arguments.pop(name) for name in GAMMA}
        super().__init__(**arguments)
        self.layernorm = keras.layers.LayerNormalization(
            epsilon=epsilon, center=False, dtype=self.dtype_policy, **gamma
        )

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the cell."""
        super().build(input_shape)
        self.layernorm.build((None, self.units))

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Computes one time step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        x, fed = dropped(self, inputs, states[0], training)
        # The sum of both products is normalized once, whereas `LayerNormLSTMCell` normalizes each product.
        z = self.layernorm(keras.ops.matmul(x, self.kernel) + keras.ops.matmul(fed, self.recurrent_kernel))
        h = self.activation(z if self.bias is None else z + self.bias)
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the cell."""
        norm = self.layernorm.get_config()
        own = {"layernorm_epsilon": norm["epsilon"], **{name: norm[name] for name in GAMMA}}
        return {**super().get_config(), **own}


@export
class LayerNormSimpleRNN(CellLayer):
    """Fully connected RNN layer with layer normalization, computed by a compiled kernel.

    Formula, at each step, with norm(z) = (z - mean(z)) / sqrt(variance(z) + layernorm_epsilon) over the units:

        h[t] = tanh(gamma * norm(x[t] kernel + h[t-1] recurrent_kernel) + bias)

    The results are those of the `LayerNormSimpleRNNCell` of TensorFlow Addons in `keras.layers.RNN`. The loop of Keras
    over such a cell is used for other activations.

    Source: Ba et al., "Layer Normalization", 2016.

    Args:
        units: Positive integer, dimensionality of the output space (the state h).
        activation: Activation function for the state h.
        {{arguments}}
        layernorm_epsilon: Small float added to the variance for numerical stability.
        gamma_initializer: Initializer for the gamma weight.
        gamma_regularizer: Regularizer for the gamma weight.
        gamma_constraint: Constraint for the gamma weight.
        **kwargs: Other arguments of `keras.layers.SimpleRNN`: `use_bias`, initializers, regularizers and constraints,
            `go_backwards`, `stateful`, `unroll`, `zero_output_for_mask`, `name`, `dtype` and `trainable`.

    {{call_h}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or `layernorm_epsilon` is
            negative.

    Example:
        >>> import numpy as np
        >>> LayerNormSimpleRNN(4, return_sequences=True)(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        layernorm_epsilon: float = 1e-5,
        gamma_initializer: Initializer = "ones",
        gamma_regularizer: Regularizer | None = None,
        gamma_constraint: Constraint | None = None,
        **kwargs: Any,
    ):
        super().__init__(LayerNormSimpleRNNCell, **init_arguments(locals()))

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled kernel over the sequence."""
        cell = self.cell
        kernel, recurrent_kernel, bias, gamma = single(
            cell.kernel, cell.recurrent_kernel, cell.bias, cell.layernorm.gamma
        )
        return ops.simple_rnn(
            x,
            kernel,
            recurrent_kernel,
            bias,
            scale=gamma,
            epsilon=cell.layernorm.epsilon,
            initial_state=states[0],
            **options,
        )
