"""Gated recurrent unit (GRU) layer with a compiled kernel."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import export
from tensorsmith.layers._support.recurrent_layer import RecurrentLayer, checked_init, single


@export
class GRU(RecurrentLayer, keras.layers.GRU):
    """Gated recurrent unit layer of Keras with a compiled kernel for CPU.

    Arguments, weights and results are those of `keras.layers.GRU`. Formula, at each step, with the columns in the order
    z, r, n in the weights W (kernel) and U (recurrent kernel):

        z = sigmoid(x[t] W_z + h[t-1] U_z + b_z)
        r = sigmoid(x[t] W_r + h[t-1] U_r + b_r)
        n = tanh(x[t] W_n + b_n + r * (h[t-1] U_n + b'_n))    with reset_after
        n = tanh(x[t] W_n + b_n + (r * h[t-1]) U_n)           without
        h[t] = z * h[t-1] + (1 - z) * n

    The loop of Keras is used for other activations. There is one difference from Keras: with recurrent dropout, the
    dropout masks for h and for the inputs are shared by all three gates, where Keras draws one for each gate.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.

    Args:
        units: Positive integer, dimensionality of the output space (the state h).
        reset_after: If `True`, apply the reset gate r after the multiplication by the recurrent kernel. Otherwise,
            apply it before.
        {{keras_arguments}}

    The other arguments are those of `keras.layers.GRU`.

    {{call_h}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or shapes are incompatible.

    Example:
        >>> import numpy as np
        >>> GRU(4, return_sequences=True)(np.ones((2, 10, 3))).shape
        TensorShape([2, 10, 4])
    """

    __init__ = checked_init(keras.layers.GRU)

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled kernel over the sequence."""
        cell = self.cell
        weights = single(cell.kernel, cell.recurrent_kernel, cell.bias)
        return ops.gru(x, *weights, reset_after=cell.reset_after, initial_state=states[0], **options)
