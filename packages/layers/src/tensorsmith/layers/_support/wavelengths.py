"""The waves that sinusoidal and rotary encodings of positions share."""

import keras
import numpy as np
from keras import ops

from tensorsmith.core.types import DType, Tensor


def angles(steps: Tensor, features: int, max_wavelength: float, dtype: DType) -> Tensor:
    """P / max_wavelength^(2i / features) for each step p and each pair i of features, in at least float32."""
    precise = keras.backend.result_type(dtype, "float32")
    frequencies = max_wavelength ** -(np.arange(0, features, 2) / features)
    return ops.cast(ops.arange(steps), precise)[:, None] * ops.convert_to_tensor(frequencies, precise)
