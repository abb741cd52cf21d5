"""Number of steps per return to Python."""

import math

RETURN_SECONDS = 0.5  # target interval between returns, by which callbacks, progress and Ctrl-C are delayed


class Pace:
    """Chooses the size of chunks of steps from the measured speed.

    Args:
        fixed: Number of steps per chunk. If `None`, chunks take about half a second.

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
        """Records the number of steps and the duration of the last chunk."""
        # The first chunk includes compilation and is not representative.
        if math.isnan(self.first_seconds):
            self.first_seconds = seconds
            return
        self._steps += steps
        self._seconds += seconds
        if self._fixed is None:
            # The size grows by a factor of at most 8, since short measurements are noisy.
            within = int(RETURN_SECONDS * steps / max(seconds, 1e-9))
            self.window = max(1, min(within, 8 * self.window))

    @property
    def steps_per_second(self) -> float:
        """Average speed over all chunks after the first, or NaN before the second."""
        return self._steps / self._seconds if self._seconds else math.nan
