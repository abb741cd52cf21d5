"""Layer-normalized long short-term memory (LSTM) layer with a compiled kernel, and its cell."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, init_arguments, is_number, plain
from tensorsmith.core.types import Activation, Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers._support.recurrent_cell import RecurrentCell
from tensorsmith.layers._support.recurrent_layer import CellLayer, check_recurrent, dropped, single


@export
class LayerNormLSTMCell(RecurrentCell, keras.layers.LSTMCell):
    """Cell class for `LayerNormLSTM`, compatible with TensorFlow Addons.

    The input product, the recurrent product and the memory state c are layer-normalized. In `keras.layers.RNN`, the
    loop of Keras runs the cell; the layer `LayerNormLSTM` computes the same with a compiled kernel. Formula:

        [i, f, g, o] = norm_k(x kernel) + norm_r(h recurrent_kernel) + bias
        c' = norm_c(sigmoid(f) * c + sigmoid(i) * tanh(g))
        h' = sigmoid(o) * tanh(c')

    Source: Ba et al., "Layer Normalization", 2016.

    Args:
        units: Positive integer, dimensionality of the states h and c.
        norm_gamma_initializer: Initializer for the scales (gamma) of the layer normalizations.
        norm_beta_initializer: Initializer for the offsets (beta) of the layer normalizations.
        norm_epsilon: Small float added to the variances for numerical stability.
        {{dropout}}

    The other arguments are those of `keras.layers.LSTMCell`.

    {{call}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or `norm_epsilon` is
            negative.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.RNN(LayerNormLSTMCell(4), return_sequences=True)
        >>> layer(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Regularizer | None = None,
        recurrent_regularizer: Regularizer | None = None,
        bias_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        recurrent_constraint: Constraint | None = None,
        bias_constraint: Constraint | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        norm_gamma_initializer: Initializer = "ones",
        norm_beta_initializer: Initializer = "zeros",
        norm_epsilon: float = 1e-3,
        **kwargs: Any,
    ):
        arguments = plain(init_arguments(locals()))
        check_recurrent(units, dropout, recurrent_dropout)
        fits = is_number(norm_epsilon) and norm_epsilon >= 0
        check(fits, "norm_epsilon", norm_epsilon, "a non-negative number")
        gamma, beta = arguments.pop("norm_gamma_initializer"), arguments.pop("norm_beta_initializer")
        epsilon = arguments.pop("norm_epsilon")
        super().__init__(**arguments)
        self.norm_gamma_initializer = keras.initializers.get(gamma)
        self.norm_beta_initializer = keras.initializers.get(beta)
        self.norm_epsilon = epsilon
        self.kernel_norm, self.recurrent_norm, self.state_norm = (
            keras.layers.LayerNormalization(
                epsilon=epsilon,
                gamma_initializer=fresh(self.norm_gamma_initializer),
                beta_initializer=fresh(self.norm_beta_initializer),
                dtype=self.dtype_policy,
                name=name,
            )
            for name in ("kernel_norm", "recurrent_norm", "state_norm")
        )

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the cell."""
        super().build(input_shape)
        self.kernel_norm.build((None, 4 * self.units))
        self.recurrent_norm.build((None, 4 * self.units))
        self.state_norm.build((None, self.units))

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Computes one time step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        h, c = states
        x, fed = dropped(self, inputs, h, training)
        # Both products are normalized separately, each over all four gates: (batch, 4 * units).
        z = self.kernel_norm(keras.ops.matmul(x, self.kernel))
        z += self.recurrent_norm(keras.ops.matmul(fed, self.recurrent_kernel))
        i, f, g, o = keras.ops.split(z if self.bias is None else z + self.bias, 4, axis=-1)
        # The normalized memory state is passed on to the next step.
        c_new = self.state_norm(self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g))
        h_new = self.recurrent_activation(o) * self.activation(c_new)
        return h_new, [h_new, c_new]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the cell."""
        own = {
            "norm_gamma_initializer": keras.initializers.serialize(self.norm_gamma_initializer),
            "norm_beta_initializer": keras.initializers.serialize(self.norm_beta_initializer),
            "norm_epsilon": self.norm_epsilon,
        }
        return {**super().get_config(), **own}


@export
class LayerNormLSTM(CellLayer):
    """Long short-term memory layer with layer normalization, computed by a compiled kernel.

    Formula, at each step, with the gates in the order i, f, g, o in the weights. Each norm is over the last axis, with
    epsilon `norm_epsilon` and its own gamma and beta:

        [i, f, g, o] = norm_k(x[t] kernel) + norm_r(h[t-1] recurrent_kernel) + bias
        c[t] = norm_c(sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g))
        h[t] = sigmoid(o) * tanh(c[t])

    The results are those of the `LayerNormLSTMCell` of TensorFlow Addons in `keras.layers.RNN`: the normalized c is
    passed on to the next step. The loop of Keras over such a cell is used for other activations. Dropout masks are
    shared by all steps and gates.

    Source: Ba et al., "Layer Normalization", 2016.

    Args:
        units: Positive integer, dimensionality of the states h and c.
        activation: Activation function for the cell input g and the cell state c.
        recurrent_activation: Activation function for the gates.
        {{arguments}}
        norm_gamma_initializer: Initializer for the scales (gamma) of the layer normalizations.
        norm_beta_initializer: Initializer for the offsets (beta) of the layer normalizations.
        norm_epsilon: Small float added to the variances for numerical stability.
        **kwargs: Other arguments of `keras.layers.LSTM`: `use_bias`, `unit_forget_bias`, initializers, regularizers and
            constraints, `go_backwards`, `stateful`, `unroll`, `zero_output_for_mask`, `name`, `dtype` and `trainable`.

    {{call_h_c}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or `norm_epsilon` is
            negative.

    Example:
        >>> import numpy as np
        >>> LayerNormLSTM(4, return_sequences=True)(np.ones((2, 10, 3))).shape
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
        norm_gamma_initializer: Initializer = "ones",
        norm_beta_initializer: Initializer = "zeros",
        norm_epsilon: float = 1e-3,
        **kwargs: Any,
    ):
        super().__init__(LayerNormLSTMCell, **init_arguments(locals()))

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled kernel over the sequence, with the bias and the normalization offsets in one bias."""
        cell = self.cell
        kernel, recurrent_kernel = single(cell.kernel, cell.recurrent_kernel)
        biases = single(cell.bias, cell.kernel_norm.beta, cell.recurrent_norm.beta)
        # The offsets of the two norms have the shape of the bias, (4 * units,), and are added to the same gates.
        bias = tf.add_n([one for one in biases if one is not None])
        scales = single(cell.kernel_norm.gamma, cell.recurrent_norm.gamma, cell.state_norm.gamma, cell.state_norm.beta)
        names = ("kernel_scale", "recurrent_scale", "state_scale", "state_offset")
        return ops.layer_norm_lstm(
            x,
            kernel,
            recurrent_kernel,
            bias,
            **dict(zip(names, scales, strict=True)),
            epsilon=cell.norm_epsilon,
            initial_state=states,
            **options,
        )
