"""Computations whose range exceeds that of half precision."""

import tensorflow as tf

from tensorsmith.core.types import Tensor


def in_single_precision(x: Tensor) -> Tensor:
    """Return a tensor in float32 if its dtype has 16 bits, and otherwise the tensor itself."""
    return tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x
