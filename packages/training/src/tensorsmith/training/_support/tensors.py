"""Conversion of arrays and batches to tensors."""

import numpy as np
import tensorflow as tf

from tensorsmith.core.types import NestedTensors

LARGE = 1 << 20  # bytes
ALIGNMENT = 64  # bytes; required by TensorFlow's vectorized code, not guaranteed by NumPy


def size_of(batch: NestedTensors) -> int | tf.Tensor:
    """Returns the number of examples in a batch. If it is unknown during tracing, it is returned as a tensor."""
    leaf = tf.nest.flatten(batch)[0]
    if leaf.shape[0] is not None:
        size: int = leaf.shape[0]
        return size
    return tf.cast(leaf.bounding_shape(0) if isinstance(leaf, tf.RaggedTensor) else tf.shape(leaf)[0], tf.int32)


def to_tensor(array: np.ndarray) -> tf.Tensor:
    """Returns a tensor with a copy of an array of numbers or strings. Large arrays of numbers are copied by NumPy.

    NumPy allocates large arrays on huge pages, and TensorFlow does not. A large array is therefore copied by NumPy and
    shared with TensorFlow: 17 ms for 172 MB instead of 25 to 500 ms, most of which is spent on page faults in the
    kernel.
    """
    if array.nbytes < LARGE or array.dtype.kind in "OU" or tf.config.list_physical_devices("GPU"):
        return tf.constant(array)
    memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return tf.experimental.dlpack.from_dlpack(copy.__dlpack__())
