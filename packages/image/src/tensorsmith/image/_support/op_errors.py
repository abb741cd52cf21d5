"""Errors for arguments that TensorFlow Addons reports as errors of a TensorFlow op."""

import tensorflow as tf

from tensorsmith.core import ArgumentError


class InvalidShapeError(ArgumentError, tf.errors.InvalidArgumentError):
    """Error raised for an invalid shape: a `ValueError`, as all argument errors, and an error of TensorFlow."""

    # The methods of errors of TensorFlow expect an op.
    __str__, __reduce__ = Exception.__str__, Exception.__reduce__
    op, node_def, message = None, None, property(str)


class UnsupportedArgumentError(ArgumentError, tf.errors.UnimplementedError):
    """Error raised for an unsupported argument: a `ValueError`, as all argument errors, and an error of TensorFlow."""

    __str__, __reduce__ = Exception.__str__, Exception.__reduce__
    op, node_def, message = None, None, property(str)
