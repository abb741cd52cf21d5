"""Training durations in steps, epochs, examples, seconds, or percent of a training run."""

import math
import numbers
import re
from dataclasses import dataclass
from typing import Any

from tensorsmith.core.errors import argument_error, check, did_you_mean

UNITS = {
    "steps": ("step", "steps"),
    "epochs": ("epoch", "epochs"),
    "examples": ("example", "examples"),
    "percent": ("%", "percent"),
    "seconds": ("s", "second", "seconds"),
    "minutes": ("min", "minute", "minutes"),
    "hours": ("h", "hour", "hours"),
}
SECONDS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}


@dataclass(frozen=True)
class Timeline:
    """Steps per epoch, batch size and total steps of a training run. Unknown numbers are `None`.

    Attributes:
        steps_per_epoch: Number of steps per epoch.
        batch_size: Number of examples per step.
        total_steps: Total number of steps in the run.
    """

    steps_per_epoch: int | None = None
    batch_size: int | None = None
    total_steps: int | None = None


@dataclass(frozen=True)
class Duration:
    """Training duration, given by a value and a unit.

    Attributes:
        value: Number of units.
        unit: One of "steps", "epochs", "examples", "percent", "seconds", "minutes" and "hours".

    Example:
        >>> Duration.parse("2.5 epochs").steps(Timeline(steps_per_epoch=100))
        250
        >>> Duration.parse("10%").steps(Timeline(total_steps=5000))
        500
        >>> Duration.parse(300)
        Duration(value=300, unit='steps')
        >>> Duration.parse("1 minute").seconds
        60.0
        >>> Duration.parse("3 epohcs", "warmup")
        Traceback (most recent call last):
            ...
        tensorsmith.core.ArgumentError: warmup must be a number of steps, or a string such as "5 epochs" in one \
of steps, epochs, examples, percent, seconds, minutes, hours, got '3 epohcs'. Did you mean epochs?
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, given: Any, name: str = "duration") -> "Duration":
        """Return the duration given by a number of steps or a string such as "5 epochs".

        Args:
            given: Duration, given as an integer number of steps, a string that contains a number and a unit, or a
                `Duration`.
            name: Name of the argument, for error messages.

        Raises:
            ValueError: If `given` cannot be parsed, is negative, or exceeds 100 percent.
        """
        if isinstance(given, Duration):
            return given
        expected = f'a number of steps, or a string such as "5 epochs" in one of {", ".join(UNITS)}'
        if isinstance(given, numbers.Integral) and not isinstance(given, bool):
            check(int(given) >= 0, name, given, "a non-negative duration")
            return cls(int(given), "steps")
        parts = re.fullmatch(r"\s*(-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([a-zA-Z%]+)\s*", str(given))
        if not isinstance(given, str) or parts is None:
            raise argument_error(name, given, expected)
        value, word = float(parts[1]), parts[2].lower()
        units = [unit for unit, words in UNITS.items() if word in words]
        if not units:
            raise argument_error(name, given, expected, did_you_mean(word, [w for ws in UNITS.values() for w in ws]))
        check(value >= 0, name, given, "a non-negative duration")
        check(units[0] != "percent" or value <= 100, name, given, "a percentage from 0% to 100%")
        return cls(value, units[0])

    @property
    def seconds(self) -> float | None:
        """Duration in seconds, or `None` if the unit is not a unit of time."""
        return self.value * SECONDS[self.unit] if self.unit in SECONDS else None

    def steps(self, timeline: Timeline, name: str = "duration") -> int:
        """Return the duration as an integer number of steps.

        Args:
            timeline: `Timeline` of the training run, which contains the number of steps per epoch, the batch size and
                the total number of steps.
            name: Name of the argument, for error messages.

        Raises:
            ValueError: If the unit is a unit of time, or if `timeline` lacks the number that the unit requires.
        """
        if self.unit == "steps":
            return round(self.value)
        check(self.unit not in SECONDS, name, str(self), "specified in steps, epochs, examples or percent")
        needed = {"epochs": "steps_per_epoch", "examples": "batch_size", "percent": "total_steps"}[self.unit]
        size = getattr(timeline, needed)
        check(size is not None, name, str(self), f"a number of steps when `{needed}` is unknown")
        return {
            "epochs": lambda: round(self.value * size),
            "examples": lambda: math.ceil(self.value / size),
            "percent": lambda: round(self.value / 100 * size),
        }[self.unit]()

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"
