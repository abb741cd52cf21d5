"""Variables by rows: all of them, or those that a sparse gradient names."""

import keras
import tensorflow as tf

from tensorsmith.core.types import DType, Gradient, Variable


def precise(dtype: DType) -> tf.DType:
    """The type to compute in: float64 for float64, float32 for all that has less."""
    return tf.float64 if tf.as_dtype(dtype) == tf.float64 else tf.float32


class MergedSlices(tf.IndexedSlices):
    """A sparse gradient in a precise type, with one slice for each row that it names."""


def merged(gradient: Gradient) -> Gradient:
    """The gradient in a precise type; if it is sparse, with one slice for each row, the sum of those it had.

    What is merged comes back as it is: tf.unique, given under XLA what tf.unique or tf.where returned, takes the
    padding behind it for indices.
    """
    if isinstance(gradient, MergedSlices):
        return gradient
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.cast(gradient, precise(gradient.dtype))
    indices, places = tf.unique(gradient.indices)
    values = tf.cast(gradient.values, precise(gradient.dtype))
    values = tf.math.unsorted_segment_sum(values, places, tf.size(indices))
    return MergedSlices(values, indices, gradient.dense_shape)


def slices(gradient: tf.Tensor) -> MergedSlices:
    """The rows of a dense gradient that are not all 0."""
    axes = list(range(1, gradient.shape.rank))
    indices = tf.where(tf.reduce_any(gradient != 0, axis=axes))[:, 0]
    values = tf.cast(tf.gather(gradient, indices), precise(gradient.dtype))
    return MergedSlices(values, indices, tf.shape(gradient))


def read(variable: Variable, indices: tf.Tensor | None, dtype: tf.DType) -> tf.Tensor:
    """Rows of a variable, or all for None."""
    variable = native(variable)
    return tf.cast(tf.convert_to_tensor(variable) if indices is None else tf.gather(variable, indices), dtype)


def write(variable: Variable, indices: tf.Tensor | None, values: tf.Tensor) -> None:
    """Gives rows of a variable, or all for None, new values."""
    variable = native(variable)
    values = tf.cast(values, variable.dtype)
    if indices is None:
        variable.assign(values)
    else:
        variable.scatter_update(tf.IndexedSlices(values, indices))


def native(variable: Variable) -> tf.Variable:
    """TensorFlow's variable within Keras'."""
    return variable.value if isinstance(variable, keras.Variable) else variable
