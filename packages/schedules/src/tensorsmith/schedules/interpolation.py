"""The straight line that several schedules are made of."""

from typing import Any

from keras import ops


def between(start: Any, end: Any, share: Any) -> Any:
    """The value at a share of the way, held at both ends, where it is exact."""
    share = ops.clip(share, 0.0, 1.0)
    return (1.0 - share) * start + share * end
