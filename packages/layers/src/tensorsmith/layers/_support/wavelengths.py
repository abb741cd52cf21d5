"""The waves that sinusoidal and rotary encodings of positions share."""

from typing import Any

import keras
import numpy as np
from keras import ops


def angles(steps: Any, features: int, max_wavelength: float, dtype: Any) -> Any:
    """P / max_wavelength^(2i / features) for each step p and each pair i of features, in at least float32."""
    precise = keras.backend.result_type(dtype, "float32")
    frequencies = max_wavelength ** -(np.arange(0, features, 2) / features)
    return ops.cast(ops.arange(steps), precise)[:, None] * ops.convert_to_tensor(frequencies, precise)
