"""Tensors in the precision that losses are computed in."""

import keras
from keras import ops

from tensorsmith.core.types import Tensor, TensorLike


def precise(*values: TensorLike) -> tuple[Tensor, ...]:
    """Tensors of the last value's type, the predictions', but at least float32: half types overflow and vanish."""
    tensors = [ops.convert_to_tensor(value) for value in values]
    dtype = keras.backend.result_type(tensors[-1].dtype, "float32")
    return tuple(ops.cast(tensor, dtype) for tensor in tensors)
