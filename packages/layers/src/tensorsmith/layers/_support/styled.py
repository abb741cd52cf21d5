"""Validation of layer inputs that include a style vector."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import check
from tensorsmith.core.types import Shape


def styled_shapes(input_shape: Sequence[Shape]) -> tuple[Any, Any]:
    """Validates the input shapes of a layer with style vectors. Returns the shapes of the images and styles."""
    fits = len(input_shape) == 2 and all(isinstance(shape, list | tuple) for shape in input_shape)
    check(fits, "inputs", input_shape, "a pair of tensors, (x, style)")
    x, style = input_shape
    fits = len(x) == 4 and x[-1] is not None
    check(
        fits,
        "inputs",
        tuple(x),
        "contain images of shape (batch, height, width, channels) with a known number of channels",
    )
    fits = len(style) == 2 and style[-1] is not None
    check(fits, "inputs", tuple(style), "contain styles of shape (batch, features) with a known number of features")
    return x, style
