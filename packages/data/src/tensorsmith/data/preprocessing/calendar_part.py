"""Layer that converts dates and times to calendar parts."""

from typing import Any

import keras

from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import Tensor

SIZES = {"month": 12, "day": 31, "weekday": 7, "hour": 24}  # number of values of each part
UNITS = {"days": 1, "seconds": 86_400}  # per day
OUTPUTS = ("int", "one_hot")
HOUR = 3600  # seconds
THURSDAY = 3  # weekday of 1970-01-01


@export
class CalendarPart(keras.layers.Layer):
    """Layer that converts dates and times to the month, the day of the month, the weekday or the hour.

    All parts are counted from 0: January, the first day of a month and Monday are 0. Dates are those of the Gregorian
    calendar, and times are in UTC.

    Formula, for `d` days since 1970-01-01 and `s` seconds since then:

        weekday = (d + 3) mod 7
        hour = floor(s / 3600) mod 24

    The month and the day are computed by the function `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level
    Date Algorithms", 2013.

    Args:
        part: Calendar part: "month", "day", "weekday" or "hour".
        unit: Unit of the inputs: "days" since 1970-01-01, or "seconds" since then.
        output: Output format: "int" for indices or "one_hot" for one-hot vectors.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`. `dtype` is the dtype of the outputs if
            `output` is "one_hot".

    Call arguments:
        inputs: A tensor of integers, or of floats that are not NaN.

    Input shape:
        Any shape.

    Output shape:
        Same shape as the input for "int", with dtype int64. For "one_hot", an axis of the number of values of the part
        is appended to it, replacing a last axis of size 1.

    Raises:
        ValueError: If an argument is invalid, or if `part` is "hour" and `unit` is "days".

    Example:
        >>> import numpy as np
        >>> days = np.array([0, 19_782])  # 1970-01-01, a Thursday, and 2024-02-29
        >>> print(CalendarPart("weekday")(days).numpy(), CalendarPart("month")(days).numpy())
        [3 3] [0 1]
        >>> print(CalendarPart("hour", unit="seconds")(np.array([3600.5])).numpy())
        [1]
    """

    def __init__(self, part: str, unit: str = "days", output: str = "int", **kwargs: Any):
        super().__init__(autocast=False, **kwargs)  # half precision would round the number of days
        check(part in SIZES, "part", part, " or ".join(map(repr, SIZES)), did_you_mean(str(part), SIZES))
        check(unit in UNITS, "unit", unit, " or ".join(map(repr, UNITS)))
        check(part != "hour" or unit == "seconds", "unit", unit, "'seconds' for the hour")
        check(output in OUTPUTS, "output", output, " or ".join(map(repr, OUTPUTS)))
        self.part, self.unit, self.output_mode = part, unit, output

    def call(self, inputs: Tensor) -> Tensor:
        """Converts dates and times to indices or one-hot vectors of calendar parts."""
        found = self._indices(inputs)
        if self.output_mode == "int":
            return found
        alone = len(found.shape) > 1 and found.shape[-1] == 1
        return keras.ops.one_hot(found[..., 0] if alone else found, SIZES[self.part], dtype=self.compute_dtype)

    def _indices(self, inputs: Tensor) -> Tensor:
        count = keras.ops.cast(keras.ops.floor(keras.ops.cast(inputs, "float64")), "int64")
        if self.part == "hour":
            return count // HOUR % 24
        days = count // UNITS[self.unit]
        if self.part == "weekday":
            return (days + THURSDAY) % 7
        # Years begin on March 1, so that a leap day is the last day of a year, and eras are cycles of 400 years.
        shifted = days + 719_468
        day_of_era = shifted % 146_097
        year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
        day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
        month = (5 * day_of_year + 2) // 153
        return (month + 2) % 12 if self.part == "month" else day_of_year - (153 * month + 2) // 5

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "part": self.part, "unit": self.unit, "output": self.output_mode}
