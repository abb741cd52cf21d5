"""Preprocessing options of dates and times."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tensorsmith.core import check, did_you_mean
from tensorsmith.data.preprocessing.calendar_part import SIZES, UNITS, CalendarPart
from tensorsmith.data.preprocessing.choices import Categorical, FeatureChoice, cast_to_float32
from tensorsmith.tfrecord import Feature

TIME_OF_DAY = "time"  # format of times without a date


@dataclass(frozen=True)
class Calendar(Categorical):
    """Maps dates and times to a calendar part, with a `CalendarPart` layer.

    Like the other options for classes, it is encoded as a one-hot vector or an embedding, and can be crossed.

    Args:
        part: Calendar part: "month", "day" (of the month), "weekday" or "hour". All parts are counted from 0.
    """

    part: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.part in SIZES, "part", self.part, " or ".join(map(repr, SIZES)), did_you_mean(self.part, SIZES))

    def incompatibility(self, feature: Feature) -> str:
        """Returns the required type unless the feature has a format that contains the part."""
        if self.part == "hour":
            return "" if feature.time_unit == "seconds" else "times, which have a `format` with a time in the schema,"
        return "" if feature.format not in ("", TIME_OF_DAY) else "dates, which have a `format` in the schema,"

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """Returns a layer that computes the calendar part."""
        return [CalendarPart(self.part, feature.time_unit)]

    def size(self, layers: Sequence[Any]) -> int:
        """Returns the number of values of the calendar part."""
        return SIZES[self.part]


@dataclass(frozen=True)
class DaysSince(FeatureChoice):
    """Converts dates and times to the number of days since a date, with a fraction for the time.

    It uses a `keras.layers.Rescaling` in float64. `Standardize` returns the same values after standardization, and does
    not need a date.

    Args:
        date: Date in ISO 8601, such as "2024-01-01".
    """

    date: str

    def __post_init__(self) -> None:
        try:
            datetime.date.fromisoformat(self.date)
            valid = True
        except (ValueError, TypeError):
            valid = False
        check(valid, "date", self.date, 'a date such as "2024-01-01"')

    def incompatibility(self, feature: Feature) -> str:
        """Returns the required type unless the feature contains dates."""
        return "" if feature.format not in ("", TIME_OF_DAY) else "dates, which have a `format` in the schema,"

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """Returns a layer that computes the number of days, and a layer that casts to float32."""
        days = datetime.date.fromisoformat(self.date) - datetime.date(1970, 1, 1)
        return [
            keras.layers.Rescaling(1 / UNITS[feature.time_unit], -days.days, dtype="float64"),
            cast_to_float32(),
        ]
