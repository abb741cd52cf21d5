"""The norm of many tensors together."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def global_norm(tensors: Sequence[Any]) -> tf.Tensor:
    """The Euclidean norm of all numbers in some tensors, as if they were one vector.

    Formula:

        norm = sqrt(sum over all tensors t and their elements: t²)

    The kernel neither overflows nor underflows in between. At zero, the gradient is zero. Source: Pascanu et al., "On
    the Difficulty of Training Recurrent Neural Networks", 2013, which clips gradients by it.

    Args:
        tensors: Tensors of any shapes and of one floating type; float32 has a kernel.

    Returns:
        The norm, a scalar of that type; 0 in float32 for an empty list.

    Raises:
        ValueError: A tensor is not of floating type, or of another type than the first.

    Example:
        >>> import tensorflow as tf
        >>> print(global_norm([tf.constant([[3.0]]), tf.constant([0.0, 4.0])]).numpy())
        5.0
    """
    values = [tf.convert_to_tensor(value) for value in tensors]
    for i, value in enumerate(values):
        dtype = value.dtype
        check(dtype.is_floating and dtype == values[0].dtype, f"tensors[{i}]", dtype.name, "one floating type")
    if not values:
        return tf.zeros([])
    if compiled(*values):
        return library().ops.tensorsmith_global_norm(tensors=values)
    return reference_norm(values)


def reference_norm(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """The twin in plain TensorFlow; squares of what is divided by the largest number neither overflow nor vanish."""
    wide = [tf.cast(value, tf.float32) if value.dtype.size < 4 else value for value in values]
    largest = tf.stop_gradient(tf.reduce_max([tf.reduce_max(tf.abs(value)) for value in wide]))
    unit = tf.where(tf.math.is_finite(largest) & (largest > 0), largest, tf.ones_like(largest))
    total = tf.add_n([tf.reduce_sum(tf.square(value / unit)) for value in wide])
    zero = total == 0  # where the root has no slope
    norm = unit * tf.where(zero, total, tf.sqrt(tf.where(zero, tf.ones_like(total), total)))
    return tf.cast(norm, values[0].dtype)


@tf.RegisterGradient("TensorsmithGlobalNorm")
def _gradient(op: tf.Operation, upstream: tf.Tensor) -> list[tf.Tensor]:
    return [tf.math.divide_no_nan(upstream, op.outputs[0]) * value for value in op.inputs]
