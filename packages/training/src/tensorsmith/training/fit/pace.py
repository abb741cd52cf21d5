"""How many steps to run before the next return to Python."""

import math

RETURN_SECONDS = 0.5  # between returns where nothing else is asked for: callbacks, progress and Ctrl-C wait for them


class Pace:
    """Sizes the windows of steps from the speed seen so far.

    Args:
        fixed: Steps per window; None for as many as half a second holds.

    Example:
        >>> pace = Pace(None)
        >>> pace.record(1, 5.0)  # the first window holds the compilation and sets no pace
        >>> pace.record(1, 0.001)
        >>> pace.window
        8
    """

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self.window = fixed or 1
        self.first_seconds = math.nan
        self._steps = 0
        self._seconds = 0.0

    def record(self, steps: int, seconds: float) -> None:
        """Takes in what the last window did."""
        if math.isnan(self.first_seconds):
            self.first_seconds = seconds
            return
        self._steps += steps
        self._seconds += seconds
        if self._fixed is None:
            within = int(RETURN_SECONDS * steps / max(seconds, 1e-9))
            self.window = max(1, min(within, 8 * self.window))

    @property
    def steps_per_second(self) -> float:
        """The rate over all windows after the first; NaN before there is one."""
        return self._steps / self._seconds if self._seconds else math.nan
