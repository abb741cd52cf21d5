"""Linear interpolation."""

from keras import ops

from tensorsmith.core.types import Scalar, Tensor


def between(start: Scalar, end: Scalar, share: Scalar) -> Tensor:
    """Return the linear interpolation between two values at a fraction, which is clipped to [0, 1]."""
    share = ops.clip(share, 0.0, 1.0)
    # In the form start + share * (end - start), rounding could miss `end` at a fraction of 1.
    return (1.0 - share) * start + share * end
