"""Precision of the loss computation."""

import keras
from keras import ops

from tensorsmith.core.types import Tensor, TensorLike


def precise(*values: TensorLike) -> tuple[Tensor, ...]:
    """Cast tensors to the dtype of the last value, the predictions, or to `float32` if it is a half-precision type."""
    tensors = [ops.convert_to_tensor(value) for value in values]
    dtype = keras.backend.result_type(tensors[-1].dtype, "float32")
    return tuple(ops.cast(tensor, dtype) for tensor in tensors)
