"""Formats of dates and times that are written as strings, and their conversion to numbers."""

from datetime import UTC, datetime, time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.core import check

DATE, DATETIME, TIME = "date", "datetime", "time"  # ISO 8601
EXAMPLE = datetime(2001, 2, 23, 4, 5, 6)  # in which no two parts are equal
SECOND, DAY = 1_000_000, 86_400_000_000  # microseconds
OFFSET = r":[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"  # end of a time with an offset from UTC


def check_format(format: str) -> None:
    """Raises an error if a format is neither the name of an ISO 8601 format nor a `strptime` format with a date."""
    expected = f'"{DATE}", "{DATETIME}", "{TIME}", or a format of `datetime.strptime` with a date, such as "%d.%m.%Y"'
    try:
        named = format in (DATE, DATETIME, TIME)
        valid = named or datetime.strptime(EXAMPLE.strftime(format), format).date() == EXAMPLE.date()
    except (ValueError, TypeError):
        valid = False
    check(valid, "format", format, expected)


def unit_of(format: str) -> str:
    """Returns the unit of dates and times of a format: "days" for dates, otherwise "seconds".

    Example:
        >>> unit_of("%d.%m.%Y"), unit_of("%d.%m.%Y %H:%M"), unit_of("time")
        ('days', 'seconds', 'seconds')
    """
    if format in (DATE, DATETIME, TIME):
        return "days" if format == DATE else "seconds"
    read = datetime.strptime(EXAMPLE.strftime(format), format)
    return "seconds" if read.time() > time.min else "days"


def parse_dates(texts: Any, format: str) -> np.ndarray:
    """Parses dates and times without surrounding spaces. Missing values become 0.

    Args:
        texts: Arrow array of strings.
        format: Format of the strings; see `Feature`.

    Returns:
        The microseconds since 1970-01-01 UTC, or since midnight for the format "time", as int64.

    Raises:
        pyarrow.ArrowInvalid: If a string does not have the format.

    Example:
        >>> parse_dates(pa.array(["1970-01-02"]), "date").tolist()
        [86400000000]
    """
    if format == DATE:
        found = texts.cast(pa.date32()).cast(pa.timestamp("us"))
    elif format == TIME:
        padded = pc.replace_substring_regex(texts, r"^([0-9]:)", r"0\1")
        found = pc.binary_join_element_wise(
            pa.scalar("1970-01-01T", texts.type), padded, pa.scalar("", texts.type)
        ).cast(pa.timestamp("us"))
    elif format == DATETIME:
        found = _datetimes(texts)
    else:
        found = _by_pattern(texts, format)
    return np.asarray(found.cast(pa.int64()).fill_null(0))


def numbers_of_dates(microseconds: np.ndarray, format: str) -> np.ndarray:
    """Converts microseconds to the unit of a format: days, or seconds, possibly with a fraction, as float64."""
    unit = DAY if unit_of(format) == "days" else SECOND
    return microseconds // unit + microseconds % unit / unit  # exact, although float64 has fewer digits than int64


def _datetimes(texts: Any) -> Any:
    """Parses dates and times in ISO 8601, some of which may have an offset from UTC."""
    shifted = pc.match_substring_regex(texts, OFFSET).fill_null(False)
    plain = pc.if_else(shifted, pa.scalar(None, texts.type), texts).cast(pa.timestamp("us"))
    if not pc.any(shifted).as_py():
        return plain
    offset = pc.if_else(shifted, texts, pa.scalar(None, texts.type)).cast(pa.timestamp("us", "UTC"))
    return pc.coalesce(plain, offset.cast(pa.timestamp("us")))


def _by_pattern(texts: Any, pattern: str) -> Any:
    """Parses dates and times in a format of `strptime`. Equal strings are parsed once, because this is slow."""
    coded = texts.dictionary_encode()
    found = []
    for text in coded.dictionary.to_pylist():
        try:
            read = datetime.strptime(text, pattern)
        except ValueError as error:
            raise pa.ArrowInvalid(str(error)) from None
        found.append(read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read)
    return pa.array(found, pa.timestamp("us")).take(coded.indices)
