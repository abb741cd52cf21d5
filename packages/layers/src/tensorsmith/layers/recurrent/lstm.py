"""Long short-term memory (LSTM) layer with a compiled kernel."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import export
from tensorsmith.layers._support.recurrent_layer import RecurrentLayer, checked_init, single


@export
class LSTM(RecurrentLayer, keras.layers.LSTM):
    """Long short-term memory layer of Keras with a compiled kernel for CPU.

    Arguments, weights and results are those of `keras.layers.LSTM`. Formula, at each step, with the gates in the order
    i, f, g, o in the weights:

        [i, f, g, o] = x[t] kernel + h[t-1] recurrent_kernel + bias
        c[t] = sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g)
        h[t] = sigmoid(o) * tanh(c[t])

    The loop of Keras is used for other activations. There is one difference from Keras: with recurrent dropout, the
    dropout masks for h and for the inputs are shared by all four gates, where Keras draws one for each gate.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997. Dropout masks that are shared by all steps are
    from Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016.

    Args:
        units: Positive integer, dimensionality of the states h and c.
        unit_forget_bias: If `True`, initialize the bias of the forget gate f to 1.
        {{keras_arguments}}

    The other arguments are those of `keras.layers.LSTM`.

    {{call_h_c}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or shapes are incompatible.

    Example:
        >>> import numpy as np
        >>> LSTM(4)(np.ones((2, 10, 3))).shape
        TensorShape([2, 4])
    """

    __init__ = checked_init(keras.layers.LSTM)

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled kernel over the sequence."""
        cell = self.cell
        weights = single(cell.kernel, cell.recurrent_kernel, cell.bias)
        return ops.lstm(x, *weights, initial_state=states, **options)
