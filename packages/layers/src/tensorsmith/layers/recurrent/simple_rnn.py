"""Fully connected RNN layer with a compiled kernel."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import export
from tensorsmith.layers._support.recurrent_layer import RecurrentLayer, checked_init, single


@export
class SimpleRNN(RecurrentLayer, keras.layers.SimpleRNN):
    """Fully connected RNN layer of Keras with a compiled kernel for CPU.

    Arguments, weights and results are those of `keras.layers.SimpleRNN`. Formula, at each step:

        h[t] = tanh(x[t] kernel + h[t-1] recurrent_kernel + bias)

    The loop of Keras is used for other activations.

    Source: Elman, "Finding Structure in Time", 1990.

    Args:
        units: Positive integer, dimensionality of the output space (the state h).
        activity_regularizer: Accepted for compatibility and ignored, as in `keras.layers.SimpleRNN`.
        {{keras_arguments}}

    The other arguments are those of `keras.layers.SimpleRNN`.

    {{call_h}}

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is not in [0, 1), or shapes are incompatible.

    Example:
        >>> import numpy as np
        >>> SimpleRNN(4)(np.ones((2, 10, 3))).shape
        TensorShape([2, 4])
    """

    __init__ = checked_init(keras.layers.SimpleRNN)

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled kernel over the sequence."""
        cell = self.cell
        weights = single(cell.kernel, cell.recurrent_kernel, cell.bias)
        return ops.simple_rnn(x, *weights, initial_state=states[0], **options)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer, including the seed that Keras omits."""
        return {**super().get_config(), "seed": self.cell.seed}
