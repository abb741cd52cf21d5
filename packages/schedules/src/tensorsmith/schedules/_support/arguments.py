"""Validation of numeric arguments of schedules."""

import math
import numbers
from typing import Any

from tensorsmith.core import check


def finite(name: str, value: Any, expected: str = "a finite number") -> float:
    """Return the value as a float, after checking that it is a finite number."""
    check(_is_finite(value), name, value, expected)
    return float(value)


def above_zero(name: str, value: Any) -> float:
    """Return the value as a float, after checking that it is a positive finite number."""
    check(_is_finite(value) and value > 0, name, value, "a positive finite number")
    return float(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
