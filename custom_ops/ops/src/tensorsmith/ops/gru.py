"""Op for gated recurrent unit (GRU) networks, with two variants of the reset gate."""

import tensorflow as tf

from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.recurrent import Inputs, Weight, checked, project, register_gradients, scan
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


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
    """Applies a gated recurrent unit (GRU) network to a batch of sequences.

    Formula, at each step, with the columns z, r, n in this order in the weights W (kernel) and U (recurrent kernel),
    and v = h[t-1] * recurrent_dropout_mask:

        z = sigmoid(x[t] W_z + v U_z + b_z)
        r = sigmoid(x[t] W_r + v U_r + b_r)
        n = tanh(x[t] W_n + b_n + r * (v U_n + b'_n))    with reset_after; b' is the recurrent bias
        n = tanh(x[t] W_n + b_n + (r * v) U_n)           without reset_after
        h[t] = z * h[t-1] + (1 - z) * n

    Masked steps do not change the states, and their output is that of the previous step, or zeros before the first
    unmasked step. To apply dropout to the inputs, multiply `x` by a mask.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.

    Args:
        x: Input sequences, a floating-point tensor of shape `(batch, steps, features)`. The compiled kernel supports
            float32.
        kernel: Input kernel, a tensor of shape `(features, 3 * units)`.
        recurrent_kernel: Recurrent kernel, a tensor of shape `(units, 3 * units)`.
        bias: Tensor of shape `(2, 3 * units)` with the input and recurrent biases if `reset_after` is `True`, otherwise
            of shape `(3 * units,)`. If `None`, zeros are used.
        reset_after: If `True`, apply the reset gate after the recurrent matrix multiplication. Otherwise, apply it
            before.
        initial_state: Tensor of shape `(batch, units)`, the state h before the first step. If `None`, zeros are used.
        mask: Boolean tensor of shape `(batch, steps)`. Steps where the mask is `False` are skipped.
        recurrent_dropout_mask: Tensor of shape `(batch, units)` by which the state h is multiplied before the recurrent
            matrix product. The same mask is used in all steps. It does not receive a gradient.
        go_backwards: If `True`, process the input sequence backwards. The outputs are returned in processing order,
            last step first.

    Returns:
        The outputs h of all steps, of shape `(batch, steps, units)`, and the final h, of shape `(batch, units)`.

    Raises:
        ValueError: If shapes or dtypes do not match.

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
    """Reference implementation of the GRU in TensorFlow."""
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

    return scan(after if reset_after else before, project(inputs.x, kernel) + input_bias, inputs, 1, go_backwards)


register_gradients("Gru", _reference, ["go_backwards", "reset_after"])
