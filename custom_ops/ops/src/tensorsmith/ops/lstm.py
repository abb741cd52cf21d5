"""Long short-term memory over whole sequences, with peepholes if wanted."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library
from tensorsmith.ops.recurrent import Inputs, Weight, checked, project, register_gradients, walk


def lstm(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    *,
    peephole: TensorLike | None = None,
    initial_state: Sequence[Any] | None = None,
    mask: TensorLike | None = None,
    recurrent_dropout_mask: TensorLike | None = None,
    go_backwards: bool = False,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Long short-term memory (LSTM) over whole sequences.

    Formula, at each step, with the gates i, f, g, o in this order in the weights and p for the peepholes:

        [i, f, g, o] = x[t] kernel + (h[t-1] * recurrent_dropout_mask) recurrent_kernel + bias
        c[t] = sigmoid(f + p_f * c[t-1]) * c[t-1] + sigmoid(i + p_i * c[t-1]) * tanh(g)
        h[t] = sigmoid(o + p_o * c[t]) * tanh(c[t])

    A step that the mask leaves out changes no state, and its output is the one before; zeros before the first. Dropout
    of the inputs is a product outside: x times a mask.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; peepholes: Gers et al., "Learning Precise Timing
    with LSTM Recurrent Networks", 2002.

    Args:
        x: Tensor (batch, steps, features) of floating type; the kernel is for float32.
        kernel: Tensor (features, 4 units).
        recurrent_kernel: Tensor (units, 4 units).
        bias: Tensor (4 units,); zeros if None.
        peephole: Tensor (3, units): how the gates i, f and o see the state c; no peepholes if None.
        initial_state: Tensors h and c (batch, units) before the first step; zeros if None.
        mask: Booleans (batch, steps): False leaves a step out.
        recurrent_dropout_mask: Tensor (batch, units), the same at all steps. No gradient flows into it.
        go_backwards: Whether to begin with the last step; the outputs are in the order of the walk, last step first.

    Returns:
        The outputs h of all steps (batch, steps, units), and the final h and c (batch, units).

    Raises:
        ValueError: Shapes or types do not fit each other.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.constant([[[1.0], [0.0]]])
        >>> outputs, h, c = lstm(x, tf.ones((1, 4)), tf.zeros((1, 4)))
        >>> print(outputs[0, :, 0].numpy().round(4), c.numpy().round(4))
        [0.3696 0.1357] [[0.2784]]
    """
    more = {"bias": Weight(bias, (4,))}
    if peephole is not None:
        more["peephole"] = Weight(peephole, (3, 1))
    if initial_state is not None:
        check(len(initial_state) == 2, "initial_state", f"{len(initial_state)} tensors", "the two tensors h and c")
    inputs = checked(x, kernel, recurrent_kernel, 4, more, initial_state, mask, recurrent_dropout_mask)
    if compiled(inputs.x):
        outputs, h, c, _ = library().ops.tensorsmith_lstm(**inputs._asdict(), go_backwards=go_backwards)
        return outputs, h, c
    return _reference(inputs, go_backwards)


def _reference(inputs: Inputs, go_backwards: bool) -> tuple[tf.Tensor, ...]:
    """The twin in plain TensorFlow."""
    kernel, recurrent_kernel, bias, *peephole = inputs.weights

    def step(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        i, f, g, o = tf.split(row + tf.matmul(fed, recurrent_kernel), 4, axis=1)
        p_i, p_f, p_o = tf.unstack(peephole[0], num=3) if peephole else (0, 0, 0)
        c = tf.sigmoid(f + p_f * c) * c + tf.sigmoid(i + p_i * c) * tf.tanh(g)
        return tf.sigmoid(o + p_o * c) * tf.tanh(c), c

    return walk(step, project(inputs.x, kernel) + bias, inputs, 2, go_backwards)


register_gradients("Lstm", _reference, ["go_backwards"])
