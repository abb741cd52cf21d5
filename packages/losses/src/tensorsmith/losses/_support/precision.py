"""Numerical precision of the loss computation."""

import keras
from keras import ops

from tensorsmith.core.types import Tensor, TensorLike


def precise(*values: TensorLike) -> tuple[Tensor, ...]:
    """Cast tensors to the dtype of the last one (the predictions), or to `float32` for half-precision predictions."""
    tensors = [ops.convert_to_tensor(value) for value in values]
    # The promotion with float32 gives float32 for half precision, and float64 for float64.
    dtype = keras.backend.result_type(tensors[-1].dtype, "float32")
    return tuple(ops.cast(tensor, dtype) for tensor in tensors)
