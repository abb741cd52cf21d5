"""Filter windows: their shape, and the names of paddings."""

from collections.abc import Sequence

import numpy as np

from tensorsmith.core import argument_error, check, is_integer
from tensorsmith.image._support.type_error import ArgumentTypeError

PADDINGS = ("REFLECT", "CONSTANT", "SYMMETRIC")


def window_shape(filter_shape: int | Sequence[int]) -> tuple[int, int]:
    """Return the height and width of a filter.

    Raises:
        ValueError: If these are not two positive integers.
        TypeError: If `filter_shape` is `None`, as in TensorFlow Addons.
    """
    expected = "a positive integer or a pair of positive integers, less than 2^31"
    sizes = filter_shape if isinstance(filter_shape, Sequence | np.ndarray) else [filter_shape] * 2
    if filter_shape is None:
        raise ArgumentTypeError.like(argument_error("filter_shape", filter_shape, expected))
    valid = len(sizes) == 2 and all(is_integer(size) and 0 < size < 2**31 for size in sizes)
    check(valid, "filter_shape", filter_shape, expected)
    return int(sizes[0]), int(sizes[1])


def padding_name(padding: str) -> str:
    """Return the name of a padding in lower case, as in `tensorsmith.ops`.

    Raises:
        ValueError: If the padding is unknown.
    """
    known = isinstance(padding, str) and padding.upper() in PADDINGS
    check(known, "padding", padding, f"one of {PADDINGS}")
    return padding.lower()
