"""Validation of the size to which images are resized."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import check


def check_size(size: Any) -> None:
    """Raises an error if a size is not a pair of positive integers."""
    fits = isinstance(size, Sequence) and len(size) == 2 and all(isinstance(each, int) and each > 0 for each in size)
    check(fits, "resize", size, "two positive integers, the height and the width")
