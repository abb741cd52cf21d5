"""Trigger of periodic events, at intervals in steps, epochs or seconds."""

import math
import sys
import time

from tensorsmith.core import Duration, Timeline


class Recurring:
    """Trigger of a periodic event during training.

    Args:
        every: `Duration` that specifies the interval between events. An interval has at least one step.
        timeline: `Timeline` of the training run, which contains the number of steps per epoch, the batch size and the
            total number of steps.
        name: Name of the argument that specifies the interval, for error messages.
        first_seconds: Maximum duration of the first interval, if the interval is specified in units of time.
    """

    def __init__(self, every: Duration, timeline: Timeline, name: str, first_seconds: float = math.inf) -> None:
        self._seconds = every.seconds
        self._epochs = int(every.value) if every.unit == "epochs" and every.value == int(every.value) else None
        by_steps = self._seconds is None and self._epochs is None
        self._steps = max(1, every.steps(timeline, name)) if by_steps else None
        self._wait = min(self._seconds or math.inf, first_seconds)
        self._last = time.monotonic()

    def steps_left(self, step: int) -> int:
        """Returns the number of steps until the next event, given the number of completed steps."""
        return sys.maxsize if self._steps is None else self._steps - step % self._steps

    def due_after(self, step: int) -> bool:
        """Returns `True` if an event is due within an epoch, given the number of completed steps."""
        if self._seconds is not None:
            return time.monotonic() - self._last >= self._wait
        return self._steps is not None and step % self._steps == 0

    def due_after_epoch(self, epochs: int, step: int) -> bool:
        """Returns `True` if an event is due at the end of an epoch, given the number of completed epochs and steps."""
        return self.due_after(step) if self._epochs is None else epochs % max(1, self._epochs) == 0

    def done(self) -> None:
        """Restarts the interval after an event. An event before the end of the first interval does not end it."""
        if self._seconds is not None and self.due_after(0):
            self._wait = self._seconds
        self._last = time.monotonic()
