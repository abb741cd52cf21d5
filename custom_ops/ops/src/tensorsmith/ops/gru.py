"""Gated recurrent units over whole sequences, in both conventions of the reset gate."""

import tensorflow as tf

from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library
from tensorsmith.ops.recurrent import Inputs, Weight, checked, project, register_gradients, walk


def gru(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    *,
    reset_after: bool = True,
    initial_state: TensorLike | None = None,
    mask: TensorLike | None = None,
    recurrent_dropout_mask: TensorLike | None = None,
    go_backwards: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gated recurrent units (GRU) over whole sequences.

    Formula, at each step, with the columns z, r, n in this order in the weights W (kernel) and U (recurrent kernel),
    and v = h[t-1] * recurrent_dropout_mask:

        z = sigmoid(x[t] W_z + v U_z + b_z)
        r = sigmoid(x[t] W_r + v U_r + b_r)
        n = tanh(x[t] W_n + b_n + r * (v U_n + b'_n))    with reset_after, where v U has a bias of its own
        n = tanh(x[t] W_n + b_n + (r * v) U_n)           without
        h[t] = z * h[t-1] + (1 - z) * n

    A step that the mask leaves out changes no state, and its output is the one before; zeros before the first. Dropout
    of the inputs is a product outside: x times a mask.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.

    Args:
        x: Tensor (batch, steps, features) of floating type; the kernel is for float32.
        kernel: Tensor (features, 3 units).
        recurrent_kernel: Tensor (units, 3 units).
        bias: Tensor (2, 3 units) with reset_after, for the two products; (3 units,) without. Zeros if None.
        reset_after: Whether the reset gate multiplies after the recurrent product or before it.
        initial_state: Tensor h (batch, units) before the first step; zeros if None.
        mask: Booleans (batch, steps): False leaves a step out.
        recurrent_dropout_mask: Tensor (batch, units), the same at all steps. No gradient flows into it.
        go_backwards: Whether to begin with the last step; the outputs are in the order of the walk, last step first.

    Returns:
        The outputs h of all steps (batch, steps, units), and the final h (batch, units).

    Raises:
        ValueError: Shapes or types do not fit each other.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.constant([[[1.0], [0.0]]])
        >>> outputs, h = gru(x, tf.ones((1, 3)), tf.zeros((1, 3)))
        >>> print(outputs[0, :, 0].numpy().round(4))
        [0.2048 0.1024]
    """
    more = {"bias": Weight(bias, (2, 3) if reset_after else (3,))}
    initial = () if initial_state is None else (initial_state,)
    inputs = checked(x, kernel, recurrent_kernel, 3, more, initial, mask, recurrent_dropout_mask)
    if compiled(inputs.x):
        outputs, h, _ = library().ops.tensorsmith_gru(
            **inputs._asdict(), go_backwards=go_backwards, reset_after=reset_after
        )
        return outputs, h
    return _reference(inputs, go_backwards, reset_after)


def _reference(inputs: Inputs, go_backwards: bool, reset_after: bool) -> tuple[tf.Tensor, ...]:
    """The twin in plain TensorFlow."""
    kernel, recurrent_kernel, bias = inputs.weights
    input_bias, recurrent_bias = tf.unstack(bias, num=2) if reset_after else (bias, None)
    units = tf.shape(recurrent_kernel)[0]

    def after(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor]:
        z, r, n = tf.split(row, 3, axis=1)
        from_z, from_r, from_n = tf.split(tf.matmul(fed, recurrent_kernel) + recurrent_bias, 3, axis=1)
        z = tf.sigmoid(z + from_z)
        return (z * h + (1 - z) * tf.tanh(n + tf.sigmoid(r + from_r) * from_n),)

    def before(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor]:
        z, r, n = tf.split(row, 3, axis=1)
        from_z, from_r = tf.split(tf.matmul(fed, recurrent_kernel[:, : 2 * units]), 2, axis=1)
        z = tf.sigmoid(z + from_z)
        from_n = tf.matmul(tf.sigmoid(r + from_r) * fed, recurrent_kernel[:, 2 * units :])
        return (z * h + (1 - z) * tf.tanh(n + from_n),)

    return walk(after if reset_after else before, project(inputs.x, kernel) + input_bias, inputs, 1, go_backwards)


register_gradients("Gru", _reference, ["go_backwards", "reset_after"])
