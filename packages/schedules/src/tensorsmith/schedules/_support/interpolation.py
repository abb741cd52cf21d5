"""The straight line that several schedules are made of."""

from keras import ops

from tensorsmith.core.types import Scalar, Tensor


def between(start: Scalar, end: Scalar, share: Scalar) -> Tensor:
    """The value at a share of the way, held at both ends, where it is exact."""
    share = ops.clip(share, 0.0, 1.0)
    return (1.0 - share) * start + share * end
