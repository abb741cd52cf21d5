"""Conversion of scores to predicted labels, and validation of scores and labels."""

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import argument_error, check, is_integer
from tensorsmith.core.types import Tensor


def check_num_classes(num_classes: int, least: int) -> None:
    """Raise an ArgumentError unless the number of classes is an integer and at least `least`."""
    fits = is_integer(num_classes) and num_classes >= least
    check(fits, "num_classes", num_classes, f"an integer >= {least}")


def expect_classes(name: str, tensor: Tensor, num_classes: int) -> None:
    """Raise an ArgumentError unless the size of the last axis, if known, equals the number of classes."""
    shape = tuple(tensor.shape)
    if not shape or shape[-1] not in (None, num_classes):
        raise argument_error(name, shape, f"have shape (..., {num_classes}), with classes on the last axis")


def decide(y_pred: Tensor, threshold: float | None) -> Tensor:
    """Return a mask of the scores above the threshold, or of the largest nonzero score if `threshold` is `None`."""
    # At least float32, because half precision would round the threshold.
    y_pred = ops.cast(y_pred, keras.backend.result_type(y_pred.dtype, "float32"))
    if threshold is not None:
        return y_pred > threshold
    # Without `initial`, Keras raises an error for an empty batch.
    largest = ops.max(y_pred, axis=-1, keepdims=True, initial=-float("inf"))
    # Ties select several classes, as in TensorFlow Addons.
    return ops.logical_and(y_pred >= largest, ops.abs(y_pred) > 1e-12)


def known_labels(labels: Tensor, num_classes: int, weights: Tensor) -> Tensor:
    """Return class indices as `int64`, with 0 where weights are 0. Invalid indices raise an error, except under XLA."""
    labels = ops.where(weights == 0, 0, ops.cast(labels, "int64"))
    known = ops.all(ops.logical_and(labels >= 0, labels < num_classes))
    # A control dependency, because keras.ops has no assertions that are preserved in graphs.
    message = f"labels must contain class indices from 0 to {num_classes - 1}, got other values among"
    with tf.control_dependencies([tf.debugging.Assert(known, [message, labels])]):
        return tf.identity(labels)


def known_probabilities(values: Tensor, weights: Tensor) -> Tensor:
    """Return probabilities, with 0 where weights are 0. Values outside [0, 1] raise an error, except under XLA.

    Deviations of up to 1e-3 are accepted as rounding errors.
    """
    values = ops.where(weights == 0, 0, values)
    outside = ops.any(ops.logical_or(values < -1e-3, values > 1 + 1e-3))
    message = "y_pred must contain probabilities in [0, 1], got other values, such as logits, among"
    with tf.control_dependencies([tf.debugging.Assert(ops.logical_not(outside), [message, values])]):
        return tf.identity(values)
