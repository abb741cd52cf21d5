"""Op for fully connected recurrent networks (Elman networks), with optional layer normalization."""

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.recurrent import Inputs, Weight, checked, normalized, project, register_gradients, scan
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def simple_rnn(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    *,
    scale: TensorLike | None = None,
    epsilon: float = 1e-5,
    initial_state: TensorLike | None = None,
    mask: TensorLike | None = None,
    recurrent_dropout_mask: TensorLike | None = None,
    go_backwards: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies an Elman network with tanh activation and optional layer normalization to a batch of sequences.

    Formula, at each step, with v = h[t-1] * recurrent_dropout_mask:

        h[t] = tanh(x[t] kernel + v recurrent_kernel + bias)
        h[t] = tanh(scale * norm(x[t] kernel + v recurrent_kernel) + bias)    if a scale is given

    where norm(z) = (z - mean(z)) / sqrt(variance(z) + epsilon) over the units. Masked steps do not change the state,
    and their output is that of the previous step, or zeros before the first unmasked step. To apply dropout to the
    inputs, multiply `x` by a mask.

    Source: Elman, "Finding Structure in Time", 1990; Ba et al., "Layer Normalization", 2016.

    Args:
        x: Input sequences, a floating-point tensor of shape `(batch, steps, features)`. The compiled kernel supports
            float32.
        kernel: Input kernel, a tensor of shape `(features, units)`.
        recurrent_kernel: Recurrent kernel, a tensor of shape `(units, units)`.
        bias: Bias, a tensor of shape `(units,)`. If `None`, zeros are used.
        scale: Tensor of shape `(units,)`. If given, the sum of the input product and the recurrent product is
            layer-normalized and multiplied by this scale.
        epsilon: Small float added to the variance for numerical stability.
        initial_state: Tensor of shape `(batch, units)`, the state h before the first step. If `None`, zeros are used.
        mask: Boolean tensor of shape `(batch, steps)`. Steps where the mask is `False` are skipped.
        recurrent_dropout_mask: Tensor of shape `(batch, units)` by which the state h is multiplied before the recurrent
            matrix product. The same mask is used in all steps. It does not receive a gradient.
        go_backwards: If `True`, process the input sequence backwards. The outputs are returned in processing order,
            last step first.

    Returns:
        The outputs h of all steps, of shape `(batch, steps, units)`, and the final h, of shape `(batch, units)`.

    Raises:
        ValueError: If shapes or dtypes do not match, or if `epsilon` is negative.

    Example:
        >>> import tensorflow as tf
        >>> outputs, h = simple_rnn(tf.constant([[[1.0], [0.0]]]), tf.ones((1, 1)), tf.ones((1, 1)))
        >>> print(outputs[0, :, 0].numpy().round(4))
        [0.7616 0.642 ]
    """
    check(epsilon >= 0, "epsilon", epsilon, "a non-negative number")
    more = {"bias": Weight(bias, (1,))}
    if scale is not None:
        more["scale"] = Weight(scale, (1,))
    initial = () if initial_state is None else (initial_state,)
    inputs = checked(x, kernel, recurrent_kernel, 1, more, initial, mask, recurrent_dropout_mask)
    if compiled(inputs.x):
        outputs, h, _ = library().ops.tensorsmith_simple_rnn(
            **inputs._asdict(), go_backwards=go_backwards, epsilon=epsilon
        )
        return outputs, h
    return _reference(inputs, go_backwards, epsilon)


def _reference(inputs: Inputs, go_backwards: bool, epsilon: float) -> tuple[tf.Tensor, ...]:
    """Reference implementation of the simple RNN (Elman network) in TensorFlow."""
    kernel, recurrent_kernel, bias, *scale = inputs.weights

    def step(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor]:
        total = row + tf.matmul(fed, recurrent_kernel)
        return (tf.tanh((normalized(total, epsilon) * scale[0] if scale else total) + bias),)

    return scan(step, project(inputs.x, kernel), inputs, 1, go_backwards)


register_gradients("SimpleRnn", _reference, ["go_backwards", "epsilon"])
