"""Checks of numbers that schedules are made with."""

import math
import numbers
from typing import Any

from tensorsmith.core import check


def finite(name: str, value: Any, expected: str = "a finite number") -> float:
    """The number, if it is a finite one."""
    check(_is_finite(value), name, value, expected)
    return float(value)


def above_zero(name: str, value: Any) -> float:
    """The number, if it is a finite one above 0."""
    check(_is_finite(value) and value > 0, name, value, "a finite number above 0")
    return float(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
