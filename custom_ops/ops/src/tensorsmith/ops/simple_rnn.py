"""The fully connected recurrent network over whole sequences, layer-normalized if wanted."""

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library
from tensorsmith.ops.recurrent import Inputs, Weight, checked, normalized, project, register_gradients, walk


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
    """The fully connected recurrent network with tanh (Elman's) over whole sequences, layer-normalized with a scale.

    Formula, at each step, with v = h[t-1] * recurrent_dropout_mask:

        h[t] = tanh(x[t] kernel + v recurrent_kernel + bias)
        h[t] = tanh(scale * norm(x[t] kernel + v recurrent_kernel) + bias)    with a scale

    where norm(z) = (z - mean(z)) / sqrt(variance(z) + epsilon) over the units. A step that the mask leaves out changes
    no state, and its output is the one before; zeros before the first. Dropout of the inputs is a product outside: x
    times a mask.

    Source: Elman, "Finding Structure in Time", 1990; Ba et al., "Layer Normalization", 2016.

    Args:
        x: Tensor (batch, steps, features) of floating type; the kernel is for float32.
        kernel: Tensor (features, units).
        recurrent_kernel: Tensor (units, units).
        bias: Tensor (units,); zeros if None.
        scale: Tensor (units,), which asks for layer normalization.
        epsilon: What keeps the root of the variance from zero.
        initial_state: Tensor h (batch, units) before the first step; zeros if None.
        mask: Booleans (batch, steps): False leaves a step out.
        recurrent_dropout_mask: Tensor (batch, units), the same at all steps. No gradient flows into it.
        go_backwards: Whether to begin with the last step; the outputs are in the order of the walk, last step first.

    Returns:
        The outputs h of all steps (batch, steps, units), and the final h (batch, units).

    Raises:
        ValueError: Shapes or types do not fit each other, or `epsilon` is negative.

    Example:
        >>> import tensorflow as tf
        >>> outputs, h = simple_rnn(tf.constant([[[1.0], [0.0]]]), tf.ones((1, 1)), tf.ones((1, 1)))
        >>> print(outputs[0, :, 0].numpy().round(4))
        [0.7616 0.642 ]
    """
    check(epsilon >= 0, "epsilon", epsilon, "a number of 0 or more")
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
    """The twin in plain TensorFlow."""
    kernel, recurrent_kernel, bias, *scale = inputs.weights

    def step(row: tf.Tensor, fed: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor]:
        total = row + tf.matmul(fed, recurrent_kernel)
        return (tf.tanh((normalized(total, epsilon) * scale[0] if scale else total) + bias),)

    return walk(step, project(inputs.x, kernel), inputs, 1, go_backwards)


register_gradients("SimpleRnn", _reference, ["go_backwards", "epsilon"])
