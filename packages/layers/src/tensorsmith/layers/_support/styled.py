"""Inputs that come with a style."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import check
from tensorsmith.core.types import Shape


def styled_shapes(input_shape: Sequence[Shape]) -> tuple[Any, Any]:
    """The shapes of pictures and of their style vectors, of which the channels and the features are known."""
    fits = len(input_shape) == 2 and all(isinstance(shape, list | tuple) for shape in input_shape)
    check(fits, "inputs", input_shape, "two tensors, (x, style)")
    x, style = input_shape
    fits = len(x) == 4 and x[-1] is not None
    check(fits, "inputs", tuple(x), "pictures of shape (batch, height, width, channels), with known channels")
    fits = len(style) == 2 and style[-1] is not None
    check(fits, "inputs", tuple(style), "styles of shape (batch, features), with known features")
    return x, style
