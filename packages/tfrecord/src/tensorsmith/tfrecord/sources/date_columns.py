"""Inference of the format of dates and times in a column of strings."""

import itertools
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord._support.dates import DATE, DATETIME, SECOND, TIME, parse_dates

# A string that begins like a date or a time. Columns of other strings are not parsed.
BEGINNING = re.compile(r"[0-9]{1,4}[-/. ][0-9A-Za-z]{1,9}[-/. ][0-9]|[0-9]{1,2}:[0-9]{2}|[A-Za-z]{3,9} [0-9]")
UNPADDED = "%Y-%m-%d"  # accepts all dates of the format "date", and dates such as 2023-5-1
DATES = (
    *(UNPADDED, "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y"),
    *("%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
ISO = (DATE, DATETIME, TIME)
FORMATS = (*ISO, *(date + time for date, time in itertools.product(DATES, TIMES)))


def unambiguous(formats: list[str]) -> list[str]:
    """Returns the first of several formats of the same strings if it is certain, otherwise all formats."""
    certain = [format for format in formats if format in ISO or "%b" in format.lower()]  # also "May 1, 2023"
    return certain[:1] or formats


class DateColumn:
    """Inference of the format of the dates in a column, batch by batch.

    Attributes:
        has_fractions: `True` if times have fractions of a second.

    Example:
        >>> column = DateColumn()
        >>> column.add(pa.array(["3/4/2023"]))
        >>> column.formats
        ['%m/%d/%Y', '%d/%m/%Y']
        >>> column.add(pa.array(["3/14/2023"]))
        >>> column.formats
        ['%m/%d/%Y']
    """

    def __init__(self) -> None:
        self._possible: list[str] | None = None
        self.has_fractions = False

    @property
    def formats(self) -> list[str]:
        """The format of all strings. If the day or the month may come first, both formats; empty for other strings."""
        return unambiguous(self._possible or [])

    def add(self, texts: Any) -> None:
        """Updates the inference with a batch of strings without nulls."""
        if not len(texts) or self._possible == []:
            return
        texts = pc.utf8_trim_whitespace(texts)
        if self._possible is None:
            first = texts[:1]
            begins = BEGINNING.match(first[0].as_py())
            self._possible = [format for format in FORMATS if self._has(first, format)] if begins else []
        kept: list[str] = []
        for format in self._possible:
            # Each string of the format "date" has the other format, which is slower to parse.
            if (format == UNPADDED and DATE in kept) or self._has(texts, format):
                kept.append(format)
        self._possible = kept

    def _has(self, texts: Any, format: str) -> bool:
        try:
            found = parse_dates(texts, format)
        except pa.ArrowInvalid:
            return False
        self.has_fractions |= bool((found % SECOND != 0).any())
        return True
