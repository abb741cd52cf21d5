"""Periodic trigger, by steps, epochs or time."""

import sys
import time

from tensorsmith.core import Duration, Timeline


class Recurring:
    """Trigger that is due periodically during training.

    Args:
        every: Interval between two events, at least one step.
        timeline: Step and example counts of the run.
        name: Name of the argument for `every`, for error messages.
    """

    def __init__(self, every: Duration, timeline: Timeline, name: str) -> None:
        self._seconds = every.seconds
        self._epochs = int(every.value) if every.unit == "epochs" and every.value == int(every.value) else None
        by_steps = self._seconds is None and self._epochs is None
        self._steps = max(1, every.steps(timeline, name)) if by_steps else None
        self._last = time.monotonic()

    def steps_left(self, step: int) -> int:
        """Returns the number of steps until the next event, given the current step of the run."""
        return sys.maxsize if self._steps is None else self._steps - step % self._steps

    def due_after(self, step: int) -> bool:
        """Returns `True` if an event is due within an epoch, given the current step of the run."""
        if self._seconds is not None:
            return time.monotonic() - self._last >= self._seconds
        return self._steps is not None and step % self._steps == 0

    def due_after_epoch(self, epochs: int, step: int) -> bool:
        """Returns `True` if an event is due at the end of an epoch, given the number of epochs and steps of the run."""
        return self.due_after(step) if self._epochs is None else epochs % max(1, self._epochs) == 0

    def done(self) -> None:
        """Restarts the timer after an event."""
        self._last = time.monotonic()
