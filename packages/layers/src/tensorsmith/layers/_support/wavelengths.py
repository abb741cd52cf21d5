"""Computation of the angles used by sinusoidal and rotary positional encodings."""

import keras
import numpy as np
from keras import ops

from tensorsmith.core.types import DType, Tensor


def angles(steps: Tensor, features: int, max_wavelength: float, dtype: DType) -> Tensor:
    """Returns the angles p / max_wavelength^(2i / features) of positions p and feature pairs i."""
    precise = keras.backend.result_type(dtype, "float32")
    frequencies = max_wavelength ** -(np.arange(0, features, 2) / features)
    # (steps, pairs of features). Half precision cannot represent large positions exactly.
    return ops.cast(ops.arange(steps), precise)[:, None] * ops.convert_to_tensor(frequencies, precise)
