"""Parts of a time format: patterns for successive parts of a string, and the fields that they contain."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tensorsmith.core import check

WHITESPACE = r"[ \t\n\v\f\r]*"
INTEGER = "[0-9]+|-0*[1-9][0-9]*"
TWO_DIGITS = "[0-9]{1,2}"
FRACTION = r"(?:\.[0-9]+)?"
MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
HOURS, SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"


@dataclass(frozen=True)
class Part:
    """Part of a time format.

    Args:
        pattern: Regular expression without capturing groups. It matches as much of the string as it can.
        field: Name of the field that the matched string contains. Empty if it is ignored.
        low: Least valid number of a numeric field.
        high: Greatest valid number.
    """

    pattern: str
    field: str = ""
    low: int = -(10**11)
    high: int = 10**11


def _names(words: list[str]) -> str:
    """Return the pattern of names, complete or abbreviated to three letters, in any case."""
    return "(?i:" + "|".join(f"{word}|{word[:3]}" for word in words) + ")"


def _read_by_c(field: str, low: int, high: int) -> Part:
    """Return a number as the C library reads it: after spaces, and without a second digit that must exceed `high`."""
    return Part(f" *(?:[0-{high // 10}][0-9]?|[0-9])", field, low, high)


HOUR, MINUTE, SECOND = _read_by_c("hour", 0, 23), _read_by_c("minute", 0, 59), _read_by_c("second", 0, 61)
MONTH, DAY = _read_by_c("month", 1, 12), _read_by_c("day", 1, 31)
HOUR_OF_HALF, COLON = _read_by_c("hour_of_half", 1, 12), Part(":")
SHORT_YEAR = Part(" *[0-9]{1,2}", "short_year")
HALF = Part("(?i:am|pm)", "half")
CLOCK = (Part(TWO_DIGITS, "second", 0, 60), Part(FRACTION, "fraction"))
COMPACT_OFFSET = Part(f"[zZ]|[+-]{HOURS}(?:{SIXTY}(?:{SIXTY})?)?", "offset")
OFFSET = Part(f"[zZ]|[+-]{HOURS}(?::?{SIXTY}(?::?{SIXTY})?)?", "offset")

# Abseil leaves some specifiers to the C library, which accepts spaces before numbers.
SPECIFIERS = {
    "%": (Part("%"),),
    ":::z": (OFFSET,),
    "::z": (OFFSET,),
    ":z": (OFFSET,),
    "A": (Part(_names(DAYS)),),
    "B": (Part(_names(MONTHS), "month_name"),),
    "D": (MONTH, Part("/"), DAY, Part("/"), SHORT_YEAR),
    "E*f": (Part("[0-9]*", "fraction"),),
    "E*z": (OFFSET,),
    "E4Y": (Part("[0-9]{4}|-(?:[0-9]{2}[1-9]|[0-9][1-9]0|[1-9]00)", "year"),),
    "ET": (Part("[tT]"),),
    "Ez": (OFFSET,),
    "F": (Part(" *[0-9]{1,4}", "year_of_date"), Part("-"), MONTH, Part("-"), DAY),
    "H": (Part(TWO_DIGITS, "hour", 0, 23),),
    "I": (HOUR_OF_HALF,),
    "M": (Part(TWO_DIGITS, "minute", 0, 59),),
    "R": (HOUR, COLON, MINUTE),
    "S": CLOCK[:1],
    "T": (HOUR, COLON, MINUTE, COLON, SECOND),
    "Y": (Part(INTEGER, "year"),),
    "Z": (Part(r"[^ \t\n\v\f\r]+"),),
    "d": (Part(TWO_DIGITS, "day", 1, 31),),
    "j": (Part(" *(?:(?:[0-2][0-9]|3[0-6])[0-9]?|[0-9]{1,2})", "day_of_year", 1, 366),),
    "k": (HOUR,),
    "m": (Part(TWO_DIGITS, "month", 1, 12),),
    "n": (Part(WHITESPACE),),
    "p": (HALF,),
    "r": (HOUR_OF_HALF, COLON, MINUTE, COLON, SECOND, Part(WHITESPACE), HALF),
    "s": (Part(INTEGER, "unix", -(2**63), 2**63 - 1),),
    "y": (SHORT_YEAR,),
    "z": (COMPACT_OFFSET,),
}
ALIASES = {"a": "A", "b": "B", "e": "d", "h": "B", "l": "I", "t": "n"}


def parts_of(time_format: str) -> list[Part]:
    """Return the parts of a format, or raise an error if it contains an unknown specifier."""
    return [*_parts(time_format)]


def _parts(time_format: str) -> Iterator[Part]:
    yield Part(WHITESPACE)
    for match in re.finditer(r"%(E[*\d]+[SfYz]|E.|:+.|.?)|([ \t\n\v\f\r]+)|[^% \t\n\v\f\r]+", time_format, re.DOTALL):
        specifier, spaces = match.groups()
        if spaces:
            yield Part(WHITESPACE)
        elif specifier is None:
            yield Part(re.escape(match[0]))
        else:
            yield from _of_specifier(specifier, time_format)
    yield Part(WHITESPACE)


def _of_specifier(specifier: str, time_format: str) -> tuple[Part, ...]:
    if re.fullmatch(r"E(\*|\d+)S", specifier):
        return CLOCK
    # The number of digits is ignored.
    specifier = re.sub(r"^E\d+f$", "E*f", specifier)
    specifier = ALIASES.get(specifier, specifier)
    known = sorted({*SPECIFIERS, *ALIASES, "E#S", "E*S", "E#f"}, key=str.lower)
    supported = "supported specifiers are " + ", ".join(f"%{each}" for each in known)
    check(specifier in SPECIFIERS, "time_format", time_format, f"not contain %{specifier}", supported)
    return SPECIFIERS[specifier]
