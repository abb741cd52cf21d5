"""Lengths of training in the unit a person thinks in: steps, epochs, examples, percent of the run, or seconds."""

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
    """What one run of training is made of; None is what nobody knows.

    Attributes:
        steps_per_epoch: Steps in an epoch.
        batch_size: Examples in a step.
        total_steps: Steps of the whole run.
    """

    steps_per_epoch: int | None = None
    batch_size: int | None = None
    total_steps: int | None = None


@dataclass(frozen=True)
class Duration:
    """A length of training.

    Attributes:
        value: How many.
        unit: Of what: "steps", "epochs", "examples", "percent", "seconds", "minutes" or "hours".

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
        tensorsmith.core.ArgumentError: `warmup`: received '3 epohcs', expected a number of steps, or a text as \
"5 epochs", with steps, epochs, examples, percent, seconds, minutes, hours. Remedy: did you mean epochs?
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, given: Any, name: str = "duration") -> "Duration":
        """A duration from what a user writes: a whole number of steps, or number and unit in a text.

        Args:
            given: The number, the text, or a duration.
            name: The argument it was given for, for the error.

        Raises:
            ValueError: It is none of these, or negative.
        """
        if isinstance(given, Duration):
            return given
        expected = f'a number of steps, or a text as "5 epochs", with {", ".join(UNITS)}'
        if isinstance(given, numbers.Integral) and not isinstance(given, bool):
            check(int(given) >= 0, name, given, "a duration of 0 or more")
            return cls(int(given), "steps")
        parts = re.fullmatch(r"\s*(-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([a-zA-Z%]+)\s*", str(given))
        if not isinstance(given, str) or parts is None:
            raise argument_error(name, given, expected)
        value, word = float(parts[1]), parts[2].lower()
        units = [unit for unit, words in UNITS.items() if word in words]
        if not units:
            raise argument_error(name, given, expected, did_you_mean(word, [w for ws in UNITS.values() for w in ws]))
        check(value >= 0, name, given, "a duration of 0 or more")
        check(units[0] != "percent" or value <= 100, name, given, "0% to 100%")
        return cls(value, units[0])

    @property
    def seconds(self) -> float | None:
        """The length on the clock, or None where the unit is none of the clock's."""
        return self.value * SECONDS[self.unit] if self.unit in SECONDS else None

    def steps(self, timeline: Timeline, name: str = "duration") -> int:
        """The length in whole steps of a run.

        Args:
            timeline: The run.
            name: The argument the duration was given for, for the error.

        Raises:
            ValueError: It is a length on the clock, or the run lacks what the unit needs.
        """
        if self.unit == "steps":
            return round(self.value)
        check(self.unit not in SECONDS, name, str(self), "steps, epochs, examples or percent")
        needed = {"epochs": "steps_per_epoch", "examples": "batch_size", "percent": "total_steps"}[self.unit]
        size = getattr(timeline, needed)
        check(size is not None, name, str(self), f"a number of steps, as `{needed}` of the run is not known")
        return {
            "epochs": lambda: round(self.value * size),
            "examples": lambda: math.ceil(self.value / size),
            "percent": lambda: round(self.value / 100 * size),
        }[self.unit]()

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"
