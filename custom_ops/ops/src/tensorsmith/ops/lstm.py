"""Op for long short-term memory (LSTM) networks, with optional peepholes."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.recurrent import Inputs, Weight, checked, project, register_gradients, scan
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


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
    """Applies a long short-term memory (LSTM) network to a batch of sequences.

    Formula, at each step, with the gates i, f, g, o in this order in the weights and p the peephole weights:

        [i, f, g, o] = x[t] kernel + (h[t-1] * recurrent_dropout_mask) recurrent_kernel + bias
        c[t] = sigmoid(f + p_f * c[t-1]) * c[t-1] + sigmoid(i + p_i * c[t-1]) * tanh(g)
        h[t] = sigmoid(o + p_o * c[t]) * tanh(c[t])

    Masked steps do not change the states, and their output is that of the previous step, or zeros before the first
    unmasked step. To apply dropout to the inputs, multiply `x` by a mask.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; peepholes: Gers et al., "Learning Precise Timing
    with LSTM Recurrent Networks", 2002.

    Args:
        x: Input sequences, a floating-point tensor of shape `(batch, steps, features)`. The compiled kernel supports
            float32.
        kernel: Input kernel, a tensor of shape `(features, 4 * units)`.
        recurrent_kernel: Recurrent kernel, a tensor of shape `(units, 4 * units)`.
        bias: Bias, a tensor of shape `(4 * units,)`. If `None`, zeros are used.
        peephole: Peephole weights of the cell state c for the gates i, f and o, a tensor of shape `(3, units)`. If
            `None`, there are no peepholes.
        initial_state: Pair of tensors of shape `(batch, units)`, the initial states h and c. If `None`, zeros are used.
        mask: Boolean tensor of shape `(batch, steps)`. Steps where the mask is `False` are skipped.
        recurrent_dropout_mask: Tensor of shape `(batch, units)` by which the state h is multiplied before the recurrent
            matrix product. The same mask is used in all steps. It does not receive a gradient.
        go_backwards: If `True`, process the input sequence backwards. The outputs are returned in processing order,
            last step first.

    Returns:
        The outputs h of all steps, of shape `(batch, steps, units)`, and the final h and c, of shape `(batch, units)`.

    Raises:
        ValueError: If shapes or dtypes do not match.

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
        check(
            len(initial_state) == 2,
            "initial_state",
            Verbatim(f"{len(initial_state)} tensors"),
            "a list of the two tensors h and c",
        )
    inputs = checked(x, kernel, recurrent_kernel, 4, more, initial_state, mask, recurrent_dropout_mask)
    if compiled(inputs.x):
        outputs, h, c, _ = library().ops.tensorsmith_lstm(**inputs._asdict(), go_backwards=go_backwards)
        return outputs, h, c
    return _reference(inputs, go_backwards)


def _reference(inputs: Inputs, go_backwards: bool) -> tuple[tf.Tensor, ...]:
    """Reference implementation of the LSTM in TensorFlow."""
    kernel, recurrent_kernel, bias, *peephole = inputs.weights

    def step(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        i, f, g, o = tf.split(row + tf.matmul(fed, recurrent_kernel), 4, axis=1)
        p_i, p_f, p_o = tf.unstack(peephole[0], num=3) if peephole else (0, 0, 0)
        c = tf.sigmoid(f + p_f * c) * c + tf.sigmoid(i + p_i * c) * tf.tanh(g)
        return tf.sigmoid(o + p_o * c) * tf.tanh(c), c

    return scan(step, project(inputs.x, kernel) + bias, inputs, 2, go_backwards)


register_gradients("Lstm", _reference, ["go_backwards"])
