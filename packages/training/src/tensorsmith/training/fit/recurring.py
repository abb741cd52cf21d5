"""Things that recur while a model trains: every so many steps or epochs, or whenever some time has passed."""

import sys
import time

from tensorsmith.core import Duration, Timeline


class Recurring:
    """Says when something is due again.

    Args:
        every: The time between, from one step or one second up.
        timeline: The run.
        name: The argument `every` was given for, for errors.
    """

    def __init__(self, every: Duration, timeline: Timeline, name: str) -> None:
        self._seconds = every.seconds
        self._epochs = int(every.value) if every.unit == "epochs" and every.value == int(every.value) else None
        by_steps = self._seconds is None and self._epochs is None
        self._steps = max(1, every.steps(timeline, name)) if by_steps else None
        self._last = time.monotonic()

    def steps_left(self, step: int) -> int:
        """Steps until it is due, after this many steps of the run."""
        return sys.maxsize if self._steps is None else self._steps - step % self._steps

    def due_after(self, step: int) -> bool:
        """Whether it is due within an epoch, after this many steps of the run."""
        if self._seconds is not None:
            return time.monotonic() - self._last >= self._seconds
        return self._steps is not None and step % self._steps == 0

    def due_after_epoch(self, epochs: int, step: int) -> bool:
        """Whether it is due at the end of an epoch, after this many epochs and steps of the run."""
        return self.due_after(step) if self._epochs is None else epochs % max(1, self._epochs) == 0

    def done(self) -> None:
        """Starts the clock anew."""
        self._last = time.monotonic()
