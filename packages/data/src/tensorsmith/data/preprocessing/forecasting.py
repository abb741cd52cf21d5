"""Baselines and transformations for forecasting, in NumPy. The first axis of a series is the time.

The steps of a series are equidistant: insert NaN for steps that a series with gaps lacks, or interpolate them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tensorsmith.core import Verbatim, check, is_integer


def seasonal_naive(series: ArrayLike, steps: int, period: int = 1) -> np.ndarray:
    """Returns the forecast that repeats the last period, with which other forecasts are compared.

    Args:
        series: Past values, of shape `(time, ...)`.
        steps: Number of steps to forecast.
        period: Number of steps of a season, such as 7 for daily values with a weekly pattern. If 1, the last value is
            repeated.

    Returns:
        An array of shape `(steps, ...)`. A missing value (NaN) of the last period is repeated like any other.

    Raises:
        ValueError: If `steps` or `period` is not a positive integer, or the series is shorter than a period.

    Example:
        >>> seasonal_naive([5, 1, 2, 3], steps=4, period=3)
        array([1, 2, 3, 1])
    """
    _check_positive(steps=steps, period=period)
    values = _series(series, period)
    return values[len(values) - period + np.arange(steps) % period]


def difference(series: ArrayLike, period: int = 1) -> np.ndarray:
    """Returns the changes from one period to the next, which removes a trend or a season.

    Args:
        series: Values of shape `(time, ...)`.
        period: Number of steps between the two values.

    Returns:
        An array of shape `(time - period, ...)`, whose element `t` is `series[t + period] - series[t]`. Differences
        from or to a missing value (NaN) are NaN.

    Raises:
        ValueError: If `period` is not a positive integer, or the series is not longer than a period.

    Example:
        >>> difference([1, 5, 2, 7], period=2)
        array([1, 2])
    """
    _check_positive(period=period)
    values = _series(series, period + 1)
    return values[period:] - values[:-period]


def undo_difference(changes: ArrayLike, past: ArrayLike) -> np.ndarray:
    """Returns the values with the given changes from one period to the next, such as forecasts of `difference`.

    Args:
        changes: Changes of shape `(steps, ...)`.
        past: Last values before the changes, of shape `(period, ...)`.

    Returns:
        An array of shape `(steps, ...)`. After a missing value (NaN), each value of the same season is NaN.

    Raises:
        ValueError: If there are no past values, or the shapes do not match.

    Example:
        >>> series = np.array([1, 5, 2, 7])
        >>> undo_difference(difference(series, period=2), past=series[:2])
        array([2, 7])
    """
    values, steps = _series(past, 1), np.asarray(changes)
    expected = f"have shape (steps, {', '.join(map(str, values.shape[1:]))})"
    check(steps.ndim == values.ndim and steps.shape[1:] == values.shape[1:], "changes", steps.shape, expected)
    period, result = len(values), [*values]
    for step in range(len(steps)):
        result.append(result[step] + steps[step])
    return np.array(result[period:], np.result_type(values, steps)).reshape(steps.shape)


def moving_average(series: ArrayLike, length: int) -> np.ndarray:
    """Returns the means of `length` consecutive values, which smooth a series.

    Args:
        series: Values of shape `(time, ...)`.
        length: Number of values of each mean.

    Returns:
        A floating-point array of shape `(time - length + 1, ...)`. Means over a missing value (NaN) are NaN.

    Raises:
        ValueError: If `length` is not a positive integer, or the series is shorter.

    Example:
        >>> moving_average([1, 2, 3, 10], length=3)
        array([2., 5.])
    """
    _check_positive(length=length)
    values = _series(series, length)
    result: np.ndarray = np.lib.stride_tricks.sliding_window_view(values, length, axis=0).mean(axis=-1)
    return result


def iterated_forecast(predict: Callable[[np.ndarray], ArrayLike], series: ArrayLike, steps: int) -> np.ndarray:
    """Returns a forecast of any length, by repeatedly appending the next forecast to the input.

    Args:
        predict: Function that maps values of shape `(time, ...)` to their next values, of shape `(ahead, ...)`. The
            time has always the same length: the oldest values are dropped.
        series: Past values, of shape `(time, ...)`.
        steps: Number of steps to forecast.

    Returns:
        An array of shape `(steps, ...)`. Missing values (NaN) are passed to `predict`, and those that it returns are
        part of the forecast and of the following inputs.

    Raises:
        ValueError: If `steps` is not a positive integer, the series is empty, or `predict` returns another shape.

    Example:
        >>> iterated_forecast(lambda past: [past[-1] + past[-2]], [1.0, 2.0], steps=4)
        array([ 3.,  5.,  8., 13.])
    """
    _check_positive(steps=steps)
    past = _series(series, 1)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < steps:
        found = np.asarray(predict(past))
        valid = found.shape[1:] == past.shape[1:] and found.ndim == past.ndim and len(found) > 0
        received = Verbatim(f"a function that returns shape {found.shape}")
        check(valid, "predict", received, f"a function that returns (ahead, ...) for values of shape {past.shape}")
        parts.append(found)
        past = np.concatenate([past, found])[len(found) :]
    return np.concatenate(parts)[:steps]


def _series(series: ArrayLike, shortest: int) -> np.ndarray:
    """Return an array with at least `shortest` steps."""
    values = np.asarray(series)
    numbers = values.ndim > 0 and values.dtype.kind in "iuf"
    check(numbers, "series", Verbatim(f"{values.dtype} of shape {values.shape}"), "numbers of shape (time, ...)")
    check(len(values) >= shortest, "series", Verbatim(f"{len(values)} steps"), f"at least {shortest} steps")
    return values


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
