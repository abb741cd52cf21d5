"""The check of margins."""

import math
import numbers

from tensorsmith.core import check


def check_margin(margin: float) -> None:
    """Raises unless it is a number of 0 or more."""
    fits = isinstance(margin, numbers.Real) and 0 <= margin < math.inf
    check(fits, "margin", margin, "a number of 0 or more", "give the distance that suffices, for example 1.0")
