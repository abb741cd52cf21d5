"""Inputs with masks, as layers such as `keras.layers.Embedding(mask_zero=True)` pass them on."""

from typing import Any

import keras
import numpy as np

from tensorsmith.core.types import Tensor


class Attach(keras.layers.Layer):
    """Layer that returns its first input and attaches the second input to it as a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def call(self, inputs: list[Any]) -> Any:
        """Returns a copy of the first input."""
        return keras.ops.copy(inputs[0])

    def compute_mask(self, inputs: list[Any], previous_mask: Tensor) -> Any:
        """Returns the second input, which is the mask of the output."""
        return inputs[1]


def takes_masks(arguments: Any) -> bool:
    """Returns `True` if `attach_masks` attaches a mask to one of the arguments."""
    return any(_has_time_axis(tensor) for tensor in keras.tree.flatten(arguments))


def attach_masks(arguments: Any) -> Any:
    """Returns the arguments with a mask on each tensor of shape `(batch, steps, features)`.

    The masks of consecutive examples include all steps, all but the last step, the first step only, and no step.
    """

    def masked(tensor: Any) -> Any:
        if not _has_time_axis(tensor):
            return tensor
        batch, steps = tensor.shape[:2]
        lengths = np.resize([steps, steps - 1, 1, 0], batch)
        return Attach()([tensor, np.arange(steps) < lengths[:, np.newaxis]])

    return keras.tree.map_structure(masked, arguments)


def _has_time_axis(tensor: Any) -> bool:
    return len(tensor.shape) == 3
