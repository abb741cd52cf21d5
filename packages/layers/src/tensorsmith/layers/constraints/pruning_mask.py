"""Weight constraint that keeps pruned weights at zero."""

from typing import Any

import keras
import numpy as np

from tensorsmith.core import export
from tensorsmith.core.types import Constraint, Tensor, TensorLike


@export
class PruningMask(keras.constraints.Constraint):
    """Constraint that keeps pruned weights at zero, as used by `prune_by_magnitude`.

    The mask is a variable, so that `constraint.mask.assign(mask)` also changes training functions that are traced.

    Args:
        mask: Boolean array with the shape of the weight. Its entries are `False` where weights are pruned.
        constraint: Constraint to apply before the mask, or `None`.
        name: Name of the variable that contains the mask. Checkpoints require different names in a model.

    Returns:
        The constrained weight.

    Example:
        >>> print(PruningMask([True, False])([3.0, 4.0]).numpy())
        [3. 0.]
    """

    def __init__(self, mask: TensorLike, constraint: Constraint | None = None, name: str = "pruning_mask"):
        self.mask = keras.Variable(np.asarray(mask, "bool"), trainable=False, dtype="bool", name=name)
        self.constraint = keras.constraints.get(constraint)

    def __call__(self, w: Tensor) -> Tensor:
        """Returns the weight with pruned entries set to zero."""
        w = keras.ops.convert_to_tensor(w)
        return (w if self.constraint is None else self.constraint(w)) * keras.ops.cast(self.mask, w.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the constraint."""
        return {"mask": self.mask.numpy().tolist(), "constraint": keras.constraints.serialize(self.constraint)}
