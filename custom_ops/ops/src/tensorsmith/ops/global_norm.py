"""Op for the global norm of a list of tensors."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def global_norm(tensors: Sequence[Any]) -> tf.Tensor:
    """Computes the global norm of several tensors, which is the Euclidean norm of all their elements.

    Formula:

        norm = sqrt(sum over all tensors t and their elements: t²)

    Intermediate results neither overflow nor underflow. The gradient at zero is zero. Source: Pascanu et al., "On the
    Difficulty of Training Recurrent Neural Networks", 2013, which uses the norm to clip gradients.

    Args:
        tensors: List of floating-point tensors of the same dtype. Their shapes may differ. The compiled kernel supports
            float32.

    Returns:
        The norm, a scalar of the same dtype. For an empty list, a float32 scalar of 0.

    Raises:
        ValueError: If a tensor is not of a floating-point dtype, or if the dtypes differ.

    Example:
        >>> import tensorflow as tf
        >>> print(global_norm([tf.constant([[3.0]]), tf.constant([0.0, 4.0])]).numpy())
        5.0
    """
    values = [tf.convert_to_tensor(value) for value in tensors]
    for i, value in enumerate(values):
        dtype = value.dtype
        check(
            dtype.is_floating and dtype == values[0].dtype,
            f"tensors[{i}]",
            dtype.name,
            "have the same floating-point dtype as the other tensors",
        )
    if not values:
        return tf.zeros([])
    if compiled(*values):
        return library().ops.tensorsmith_global_norm(tensors=values)
    return reference_norm(values)


def reference_norm(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Reference implementation of the global norm in TensorFlow, scaled to avoid overflow and underflow."""
    wide = [tf.cast(value, tf.float32) if value.dtype.size < 4 else value for value in values]
    largest = tf.stop_gradient(tf.reduce_max([tf.reduce_max(tf.abs(value)) for value in wide]))
    unit = tf.where(tf.math.is_finite(largest) & (largest > 0), largest, tf.ones_like(largest))
    total = tf.add_n([tf.reduce_sum(tf.square(value / unit)) for value in wide])
    zero = total == 0  # the square root is not differentiable at 0
    norm = unit * tf.where(zero, total, tf.sqrt(tf.where(zero, tf.ones_like(total), total)))
    return tf.cast(norm, values[0].dtype)


@tf.RegisterGradient("TensorsmithGlobalNorm")
def _gradient(op: tf.Operation, upstream: tf.Tensor) -> list[tf.Tensor]:
    return [tf.math.divide_no_nan(upstream, op.outputs[0]) * value for value in op.inputs]
