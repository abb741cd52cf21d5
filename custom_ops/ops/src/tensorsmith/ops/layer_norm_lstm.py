"""Op for layer-normalized long short-term memory (LSTM) networks."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.recurrent import Inputs, Weight, checked, normalized, project, register_gradients, scan
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def layer_norm_lstm(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    *,
    kernel_scale: TensorLike | None = None,
    recurrent_scale: TensorLike | None = None,
    state_scale: TensorLike | None = None,
    state_offset: TensorLike | None = None,
    epsilon: float = 1e-3,
    initial_state: Sequence[Any] | None = None,
    mask: TensorLike | None = None,
    recurrent_dropout_mask: TensorLike | None = None,
    go_backwards: bool = False,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Applies an LSTM to a batch of sequences, with layer normalization of the matrix products and the cell state.

    Formula, at each step, with the gates i, f, g, o in this order in the weights, v = h[t-1] * recurrent_dropout_mask
    and norm(z) = (z - mean(z)) / sqrt(variance(z) + epsilon) over the 4 units of a product or the units of the state:

        [i, f, g, o] = kernel_scale * norm(x[t] kernel) + recurrent_scale * norm(v recurrent_kernel) + bias
        c[t] = state_scale * norm(sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g)) + state_offset
        h[t] = sigmoid(o) * tanh(c[t])

    The next step receives the normalized c[t]. The offsets of both product normalizations are part of the bias: add
    them to it. Masked steps do not change the states, and their output is that of the previous step, or zeros before
    the first unmasked step. To apply dropout to the inputs, multiply `x` by a mask.

    Source: Ba et al., "Layer Normalization", 2016, in the form of TensorFlow Addons' LayerNormLSTMCell.

    Args:
        x: Input sequences, a floating-point tensor of shape `(batch, steps, features)`. The compiled kernel supports
            float32.
        kernel: Input kernel, a tensor of shape `(features, 4 * units)`.
        recurrent_kernel: Recurrent kernel, a tensor of shape `(units, 4 * units)`.
        bias: Bias, a tensor of shape `(4 * units,)`. If `None`, zeros are used.
        kernel_scale: Tensor of shape `(4 * units,)` by which the normalized product of input and kernel is multiplied.
            If `None`, ones are used.
        recurrent_scale: Tensor of shape `(4 * units,)` by which the normalized product of state h and recurrent kernel
            is multiplied. If `None`, ones are used.
        state_scale: Tensor of shape `(units,)` by which the normalized cell state is multiplied. If `None`, ones are
            used.
        state_offset: Tensor of shape `(units,)` that is added to the scaled cell state. If `None`, zeros are used.
        epsilon: Small float added to the variances for numerical stability.
        initial_state: Pair of tensors of shape `(batch, units)`, the initial states h and c. If `None`, zeros are used.
        mask: Boolean tensor of shape `(batch, steps)`. Steps where the mask is `False` are skipped.
        recurrent_dropout_mask: Tensor of shape `(batch, units)` by which the state h is multiplied before the recurrent
            matrix product. The same mask is used in all steps. It does not receive a gradient.
        go_backwards: If `True`, process the input sequence backwards. The outputs are returned in processing order,
            last step first.

    Returns:
        The outputs h of all steps, of shape `(batch, steps, units)`, and the final h and c, of shape `(batch, units)`.

    Raises:
        ValueError: If shapes or dtypes do not match, or if `epsilon` is negative.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.constant([[[1.0], [2.0]]])
        >>> kernel, recurrent_kernel = tf.constant([[1.0, 0, 2, 0, 3, 0, 0, 0]]), tf.zeros((2, 8))
        >>> outputs, h, c = layer_norm_lstm(x, kernel, recurrent_kernel)
        >>> print(c.numpy().round(3))
        [[ 0.999 -0.999]]
    """
    check(epsilon >= 0, "epsilon", epsilon, "a non-negative number")
    more = {
        "bias": Weight(bias, (4,)),
        "kernel_scale": Weight(kernel_scale, (4,), 1.0),
        "recurrent_scale": Weight(recurrent_scale, (4,), 1.0),
        "state_scale": Weight(state_scale, (1,), 1.0),
        "state_offset": Weight(state_offset, (1,)),
    }
    if initial_state is not None:
        check(
            len(initial_state) == 2,
            "initial_state",
            Verbatim(f"{len(initial_state)} tensors"),
            "a list of the two tensors h and c",
        )
    inputs = checked(x, kernel, recurrent_kernel, 4, more, initial_state, mask, recurrent_dropout_mask)
    if compiled(inputs.x):
        outputs, h, c, _ = library().ops.tensorsmith_layer_norm_lstm(
            **inputs._asdict(), go_backwards=go_backwards, epsilon=epsilon
        )
        return outputs, h, c
    return _reference(inputs, go_backwards, epsilon)


def _reference(inputs: Inputs, go_backwards: bool, epsilon: float) -> tuple[tf.Tensor, ...]:
    """Reference implementation of the layer-normalized LSTM in TensorFlow."""
    kernel, recurrent_kernel, bias, kernel_scale, recurrent_scale, state_scale, state_offset = inputs.weights

    def step(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        total = row + normalized(tf.matmul(fed, recurrent_kernel), epsilon) * recurrent_scale
        i, f, g, o = tf.split(total, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        c = normalized(c, epsilon) * state_scale + state_offset
        return tf.sigmoid(o) * tf.tanh(c), c

    rows = normalized(project(inputs.x, kernel), epsilon) * kernel_scale + bias
    return scan(step, rows, inputs, 2, go_backwards)


register_gradients("LayerNormLstm", _reference, ["go_backwards", "epsilon"])
