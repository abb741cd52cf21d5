"""Numbers as they are shown in tables and sentences."""

import math
import statistics
from collections.abc import Sequence


def with_digits(value: float, reference: float, digits: int = 3) -> str:
    """Return a value with as many decimals as are necessary for the significant digits of a reference.

    Example:
        >>> with_digits(0.9, 0.98), with_digits(27.84, 27.84), with_digits(0.00114, 0.0011)
        ('0.900', '27.8', '0.00114')
    """
    magnitude = math.floor(math.log10(abs(reference))) if reference and math.isfinite(reference) else 0
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"


def with_deviation(values: Sequence[float], sign: str = "") -> str:
    """Return the mean of values and, if there are several, their standard deviation, as a string.

    The standard deviation has two significant digits, and the mean as many decimals.

    Example:
        >>> with_deviation([0.845, 0.851]), with_deviation([4.1e-6, 5.3e-6])
        ('0.8480 ± 0.0042', '4.7e-06 ± 8.5e-07')
    """
    if not values:
        return ""
    mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    if not 1e-9 < deviation < 1e9:  # decimals would be useless or unreadable
        return f"{mean:{sign}.4g}" + (f" ± {deviation:.2g}" if len(values) > 1 else "")
    decimals = max(0, 1 - math.floor(math.log10(deviation)))
    if decimals > 6:
        return f"{mean:{sign}.2g} ± {deviation:.2g}"
    return f"{mean:{sign}.{decimals}f} ± {deviation:.{decimals}f}"
