"""A contender that is a function to call again and again."""

import statistics
import time
from collections.abc import Callable
from typing import Any

WARM_UP_SECONDS = 0.1  # systems take memory from processes that wait for their turn
TURN_SECONDS = 0.4


class Calls:
    """Work without arguments; a turn is the median of its calls over some tenths of a second, in milliseconds."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work

    def first(self) -> float:
        """Seconds of the first call."""
        return self._call()

    def turn(self) -> float:
        """Milliseconds of a call."""
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
