"""From scores to labels, and the checks of both."""

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import argument_error, check, is_integer
from tensorsmith.core.types import Tensor


def check_num_classes(num_classes: int, least: int) -> None:
    """Raises ArgumentError unless it is an integer of at least so much."""
    fits = is_integer(num_classes) and num_classes >= least
    check(fits, "num_classes", num_classes, f"an integer of {least} or more")


def expect_classes(name: str, tensor: Tensor, num_classes: int) -> None:
    """Raises ArgumentError unless the last axis has one entry a class; a size known only later passes."""
    shape = tuple(tensor.shape)
    if not shape or shape[-1] not in (None, num_classes):
        raise argument_error(name, shape, f"a shape that ends in the {num_classes} classes")


def decide(y_pred: Tensor, threshold: float | None) -> Tensor:
    """True for scores above the threshold; without one, for the largest of the last axis, unless it is 0."""
    # At least float32, so that half precision does not round the threshold.
    y_pred = ops.cast(y_pred, keras.backend.result_type(y_pred.dtype, "float32"))
    if threshold is not None:
        return y_pred > threshold
    largest = ops.max(y_pred, axis=-1, keepdims=True, initial=-float("inf"))
    return ops.logical_and(y_pred >= largest, ops.abs(y_pred) > 1e-12)


def known_labels(labels: Tensor, num_classes: int, weights: Tensor) -> Tensor:
    """Class numbers as int64, 0 where they weigh nothing; others outside the classes raise, but under XLA."""
    labels = ops.where(weights == 0, 0, ops.cast(labels, "int64"))
    known = ops.all(ops.logical_and(labels >= 0, labels < num_classes))
    # A control dependency, since keras.ops has no assertion that graphs keep.
    message = f"labels: expected class numbers from 0 to {num_classes - 1}, received others among"
    with tf.control_dependencies([tf.debugging.Assert(known, [message, labels])]):
        return tf.identity(labels)


def known_probabilities(values: Tensor, weights: Tensor) -> Tensor:
    """The values, 0 where they weigh nothing; others outside [0, 1], but for rounding, raise, but under XLA."""
    values = ops.where(weights == 0, 0, values)
    outside = ops.any(ops.logical_or(values < -1e-3, values > 1 + 1e-3))
    message = "y_pred: expected probabilities in [0, 1], received others, such as logits, among"
    with tf.control_dependencies([tf.debugging.Assert(ops.logical_not(outside), [message, values])]):
        return tf.identity(values)
