"""Measurement of an implementation by the median duration of repeated function calls."""

import statistics
import time
from collections.abc import Callable
from typing import Any

WARM_UP_SECONDS = 0.1  # memory of an idle process may have been reclaimed
TURN_SECONDS = 0.4


class Calls:
    """Implementation that is measured by the median duration of repeated function calls, in milliseconds."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work

    def first(self) -> float:
        """Return the duration of the first call in seconds."""
        return self._call()

    def turn(self) -> float:
        """Return the median duration of a call in milliseconds."""
        self._calls(WARM_UP_SECONDS)
        return 1e3 * statistics.median(self._calls(TURN_SECONDS))

    def _calls(self, seconds: float) -> list[float]:
        end = time.perf_counter() + seconds
        times = [self._call()]
        while time.perf_counter() < end or len(times) < 3:
            times.append(self._call())
        return times

    def _call(self) -> float:
        start = time.perf_counter()
        self._work()
        return time.perf_counter() - start
