"""Reading and writing of all rows of a variable, or of only the rows that occur in a sparse gradient."""

import keras
import tensorflow as tf

from tensorsmith.core.types import DType, Gradient, Variable


def precise(dtype: DType) -> tf.DType:
    """Return the dtype in which updates are computed: `float64` for `float64`, otherwise `float32`."""
    return tf.float64 if tf.as_dtype(dtype) == tf.float64 else tf.float32


class MergedSlices(tf.IndexedSlices):
    """Sparse gradient in `float32` or `float64`, without duplicate indices."""


def merged(gradient: Gradient) -> Gradient:
    """Return the gradient in `float32` or `float64`, with the duplicate indices of a sparse gradient summed.

    A merged gradient is returned unchanged: if tf.unique is applied to a result of tf.unique or tf.where under XLA, it
    treats the padding as indices.
    """
    if isinstance(gradient, MergedSlices):
        return gradient
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.cast(gradient, precise(gradient.dtype))
    # The second result maps each slice to its position among the unique indices.
    indices, positions = tf.unique(gradient.indices)
    values = tf.cast(gradient.values, precise(gradient.dtype))
    values = tf.math.unsorted_segment_sum(values, positions, tf.size(indices))
    return MergedSlices(values, indices, gradient.dense_shape)


def slices(gradient: tf.Tensor) -> MergedSlices:
    """Return the nonzero rows of a dense gradient as a sparse gradient."""
    axes = list(range(1, gradient.shape.rank))
    indices = tf.where(tf.reduce_any(gradient != 0, axis=axes))[:, 0]
    values = tf.cast(tf.gather(gradient, indices), precise(gradient.dtype))
    return MergedSlices(values, indices, tf.shape(gradient))


def read(variable: Variable, indices: tf.Tensor | None, dtype: tf.DType) -> tf.Tensor:
    """Return rows of a variable, or all rows if `indices` is `None`."""
    variable = native(variable)
    return tf.cast(tf.convert_to_tensor(variable) if indices is None else tf.gather(variable, indices), dtype)


def write(variable: Variable, indices: tf.Tensor | None, values: tf.Tensor) -> None:
    """Assign values to rows of a variable, or to all rows if `indices` is `None`."""
    variable = native(variable)
    values = tf.cast(values, variable.dtype)
    if indices is None:
        variable.assign(values)
    else:
        variable.scatter_update(tf.IndexedSlices(values, indices))


def native(variable: Variable) -> tf.Variable:
    """Return the TensorFlow variable that a Keras variable wraps."""
    return variable.value if isinstance(variable, keras.Variable) else variable
