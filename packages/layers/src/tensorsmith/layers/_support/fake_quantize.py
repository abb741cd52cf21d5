"""Rounding to few levels, with a gradient."""

import keras
from keras import ops

from tensorsmith.core.types import Tensor


def fake_quantize(x: Tensor, low: Tensor, high: Tensor, num_bits: int, narrow_range: bool) -> Tensor:
    """Rounds to the levels that integers of few bits have, and stays what it is in type and in scale.

    The range is moved so that 0 is one of the levels, as `tf.quantization.fake_quant_with_min_max_vars` does. Gradients
    pass straight through where x is in the range, and are 0 beyond; none reaches the range. All is computed in at least
    float32.

    Args:
        x: Tensor of floating type.
        low: Begin of the range, 0 or less; a number, or a tensor that broadcasts to `x`.
        high: End of the range, 0 or more.
        num_bits: Bits of the integers.
        narrow_range: Whether the smallest integer is left out, so that ranges around 0 are symmetric.

    Returns:
        A tensor like `x`.
    """
    precise = keras.backend.result_type(x.dtype, "float32")
    wide = ops.cast(x, precise)
    low, high = (ops.stop_gradient(ops.cast(end, precise)) for end in (low, high))
    first, last = int(narrow_range), 2**num_bits - 1
    step = (high - low) / (last - first)
    step = ops.where(step > 0, step, ops.ones_like(step))  # of zeros alone
    zero = ops.clip(ops.floor(first - low / step + 0.5), first, last)
    low, high = (first - zero) * step, (last - zero) * step
    clipped = ops.minimum(ops.maximum(wide, low), high)
    rounded = ops.floor((clipped - low) / step + 0.5) * step + low
    return ops.cast(clipped + ops.stop_gradient(rounded - clipped), x.dtype)
