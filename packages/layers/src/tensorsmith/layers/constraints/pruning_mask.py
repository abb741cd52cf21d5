"""What keeps pruned weights zero."""

from typing import Any

import keras
import numpy as np

from tensorsmith.core import export
from tensorsmith.core.types import Constraint, Tensor, TensorLike


@export
class PruningMask(keras.constraints.Constraint):
    """Keeps pruned weights zero, as `prune_by_magnitude` asks of them.

    Args:
        mask: True, or 1, where weights are kept; of the weight's shape.
        constraint: A further constraint, applied before; None for none.

    Returns:
        The constrained weight.

    Example:
        >>> print(PruningMask([True, False])([3.0, 4.0]).numpy())
        [3. 0.]
    """

    def __init__(self, mask: TensorLike, constraint: Constraint | None = None):
        self.mask = np.asarray(mask, "bool")
        self.constraint = keras.constraints.get(constraint)

    def __call__(self, w: Tensor) -> Tensor:
        """The weight with zeros."""
        w = keras.ops.convert_to_tensor(w)
        return (w if self.constraint is None else self.constraint(w)) * keras.ops.cast(self.mask, w.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {"mask": self.mask.tolist(), "constraint": keras.constraints.serialize(self.constraint)}
