"""Conformance checks for the propagation and use of masks."""

import warnings
from typing import Any

import keras
import numpy as np

from tensorsmith.core.types import Tensor
from tensorsmith.testing.comparing import array
from tensorsmith.testing.errors import expect
from tensorsmith.testing.masking import Attach
from tensorsmith.testing.rows import LayerRow
from tensorsmith.testing.using import examples, ready


class Seen(keras.layers.Layer):
    """Layer that returns the mask of its input as numbers, or an empty tensor if there is no mask."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Returns the mask of the input, cast to float32."""
        return keras.ops.zeros((0,)) if mask is None else keras.ops.cast(mask, "float32")


def mask_passed(row: LayerRow) -> None:
    """Checks that the layer passes the mask of its input on to the next layer."""
    layer = ready(row)
    arguments, mask = _masked(row)
    seen = array(Seen()(_first_output(layer, Attach()([arguments[0], mask]), *arguments[1:])))
    expect(
        seen.size > 0,
        "it drops the mask. Set self.supports_masking = True in `__init__`, or write `compute_mask`.",
    )
    expect(np.array_equal(seen, mask), f"its output has the mask {seen.tolist()}, expected {mask.tolist()}.")


def mask_used(row: LayerRow) -> None:
    """Checks that masked time steps do not affect the output."""
    layer = ready(row)
    arguments, mask = _masked(row)
    other = np.where(mask.reshape(*mask.shape, *[1] * (arguments[0].ndim - 2)), arguments[0], arguments[0][::-1])

    def kept(first: np.ndarray, masked: bool) -> np.ndarray:
        inputs = Attach()([first, mask]) if masked else first
        output = array(_first_output(layer, inputs, *arguments[1:]))
        return output[mask] if output.shape[:2] == mask.shape else output

    gap = np.abs(kept(arguments[0], masked=True) - kept(other, masked=True)).max()
    expect(
        gap <= row.tolerance,
        f"masked time steps change the output by up to {gap:.4g}. Accept `mask` in `call` and use it.",
    )
    expect(
        np.abs(kept(arguments[0], masked=False) - kept(other, masked=False)).max() > row.tolerance,
        "no time step depends on another, so the check proves nothing. Remove uses_mask from the row.",
    )


def _first_output(layer: keras.Layer, *arguments: Any) -> Any:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # the check itself reports a dropped mask
        return keras.tree.flatten(layer(*arguments))[0]


def _masked(row: LayerRow) -> tuple[tuple[Any, ...], np.ndarray]:
    """Returns inputs of a layer, and a mask that excludes the first step and, in every other row, the last step."""
    arguments = examples(row)
    mask = np.ones(arguments[0].shape[:2], "bool")
    mask[:, 0] = False
    mask[::2, -1] = False
    return arguments, mask
