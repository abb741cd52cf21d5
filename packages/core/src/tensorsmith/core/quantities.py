"""Validation of numeric arguments from Python and NumPy. Booleans are not considered numbers."""

import math
import numbers
from fractions import Fraction
from typing import Any


def is_integer(value: Any) -> bool:
    """Return `True` if `value` is a Python or NumPy integer, but not a boolean.

    Example:
        >>> import numpy as np
        >>> is_integer(3), is_integer(np.int64(3)), is_integer(3.0), is_integer(True)
        (True, True, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return `True` if `value` is a real number that is finite as a float, but not a boolean.

    Example:
        >>> import numpy as np
        >>> is_number(0.5), is_number(np.float32(0.5)), is_number(1), is_number(float("nan")), is_number(True)
        (True, True, True, False, False)
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that exceeds the range of float
        return False


def plain(value: Any) -> Any:
    """Return `value` with NumPy scalars replaced by Python numbers.

    Keras rejects some NumPy scalars, and others impose their dtype on the operands of an expression. Fractions, which
    JSON does not support, become floats. Lists, tuples and dictionaries are converted recursively.

    Example:
        >>> import numpy as np
        >>> plain(np.float32(0.5)), plain([np.int64(3), None]), plain("three")
        (0.5, [3, None], 'three')
    """
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return type(value)(*map(plain, value))
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    if isinstance(value, Fraction):
        return float(value)
    return value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value
