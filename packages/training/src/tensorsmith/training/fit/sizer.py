"""Choice of the number of training steps in each call of a compiled loop."""

import math

RETURN_SECONDS = 0.5  # target interval between returns, by which callbacks, progress and Ctrl-C are delayed


class ChunkSizer:
    """Chooses the number of steps in each call of a compiled loop (chunk), based on the measured speed.

    Args:
        fixed: Number of steps per chunk. If `None`, the number of steps is chosen so that a chunk takes about half a
            second.

    Example:
        >>> sizer = ChunkSizer(None)
        >>> sizer.record(1, 5.0)  # the first chunk includes compilation
        >>> sizer.record(1, 0.001)
        >>> sizer.chunk
        8
    """

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self.chunk = fixed or 1
        self.first_seconds = math.nan
        self._steps = 0
        self._seconds = 0.0

    def fix(self, steps: int) -> None:
        """Sets the number of steps in all further chunks."""
        self._fixed = self.chunk = steps

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
            self.chunk = max(1, min(within, 8 * self.chunk))

    @property
    def steps_per_second(self) -> float:
        """Average number of steps per second without the first chunk, or NaN until the second chunk is completed."""
        return self._steps / self._seconds if self._seconds else math.nan
