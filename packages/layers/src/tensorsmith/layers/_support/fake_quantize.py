"""Fake quantization with a straight-through gradient."""

import keras
from keras import ops

from tensorsmith.core.types import Tensor


def fake_quantize(x: Tensor, low: Tensor, high: Tensor, num_bits: int, narrow_range: bool) -> Tensor:
    """Rounds a tensor to the levels of a quantized range and returns it in its original dtype and scale.

    The range is shifted so that 0 is one of the levels, as in `tf.quantization.fake_quant_with_min_max_vars`. The
    gradient with respect to `x` is 1 inside the range and 0 outside of it (straight-through estimator). No gradient is
    propagated to the range. The computation uses at least float32.

    Args:
        x: Floating-point tensor to quantize.
        low: Lower bound of the range, at most 0: a number, or a tensor that can be broadcast to `x`.
        high: Upper bound of the range, at least 0: a number, or a tensor that can be broadcast to `x`.
        num_bits: Number of bits of the quantized integers.
        narrow_range: If `True`, the smallest integer is not used, so that a range centered at 0 is symmetric.

    Returns:
        A tensor with the same shape and dtype as `x`.
    """
    precise = keras.backend.result_type(x.dtype, "float32")
    wide = ops.cast(x, precise)
    low, high = (ops.stop_gradient(ops.cast(end, precise)) for end in (low, high))
    # Integer levels. A narrow range excludes the lowest one, so that the levels are symmetric.
    first, last = int(narrow_range), 2**num_bits - 1
    step = (high - low) / (last - first)
    step = ops.where(step > 0, step, ops.ones_like(step))  # an empty range: all values are 0
    # Zero point: the integer that represents 0. The range is shifted to make it exact.
    zero = ops.clip(ops.floor(first - low / step + 0.5), first, last)
    low, high = (first - zero) * step, (last - zero) * step
    # Straight-through estimator: the gradient is that of the clipping.
    clipped = ops.minimum(ops.maximum(wide, low), high)
    # Half is rounded up, as in TensorFlow. `ops.round` rounds half to even.
    rounded = ops.floor((clipped - low) / step + 0.5) * step + low
    return ops.cast(clipped + ops.stop_gradient(rounded - clipped), x.dtype)
