"""Parsing of times, in TensorFlow."""

import tensorflow as tf

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import TensorLike
from tensorsmith.text._support.time_format import MONTHS, parts_of

UNITS = {"SECOND": 1, "MILLISECOND": 10**3, "MICROSECOND": 10**6, "NANOSECOND": 10**9}
# Fields that are given in two ways. Of both, the last one counts.
SAME = {"month_name": "month", "short_year": "year_of_date"}
OTHER = {"hour": "hour_of_half", "hour_of_half": "hour"}


def parse_time(time_string: TensorLike, time_format: str, output_unit: str) -> tf.Tensor:
    """Return the Unix times that strings denote, as integers.

    The function runs in graphs and `tf.data` pipelines. Formats are those of TensorFlow Addons, which uses the parser
    of Abseil:

    | specifier | part of the string |
    | --- | --- |
    | `%Y`, `%E4Y`, `%y` | year: all digits, exactly four characters, or two digits (69 is 1969, and 68 is 2068) |
    | `%m`, `%b`, `%B`, `%h` | month: a number, or an English name or its first three letters |
    | `%d`, `%e` | day of the month |
    | `%H`, `%k`, `%I`, `%l`, `%p` | hour of the day, hour of the half-day, and AM or PM |
    | `%M`, `%S`, `%E*S`, `%E*f` | minute, second, second with an optional fraction, and digits of the fraction |
    | `%z`, `%Ez`, `%:z` | offset from UTC: `+0130`, and also `+01:30` for the last two; `Z` for none |
    | `%D`, `%F`, `%R`, `%T`, `%r` | `%m/%d/%y`, `%Y-%m-%d`, `%H:%M`, `%H:%M:%S`, `%I:%M:%S %p` |
    | `%s` | Unix time in seconds; all other fields are ignored |
    | `%a`, `%A`, `%j`, `%Z` | day of the week, day of the year, and time zone, which are ignored |
    | `%n`, `%t`, `%ET`, `%%` | whitespace, the letter T, and the character % |

    A digit may replace the asterisk, and has no effect. Whitespace in the format matches any whitespace, including
    none, and whitespace around the string is ignored. Numbers are read as far as possible: `%Y%m` does not match
    "201301", but `%E4Y%m` does. Missing fields are those of 1970-01-01 00:00:00 UTC. The second 60 is the first second
    of the next minute, and its fraction is ignored.

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013 (days of a date).

    Args:
        time_string: String or tensor of strings.
        time_format: Format of all strings.
        output_unit: Unit of the results: `"SECOND"`, `"MILLISECOND"`, `"MICROSECOND"` or `"NANOSECOND"`.

    Returns:
        An int64 tensor with the shape of `time_string`: times since 1970-01-01 00:00:00 UTC, rounded down. Times beyond
        the range of int64 result in its limits.

    Raises:
        ValueError: If `time_format` contains an unknown specifier, or `output_unit` is unknown.
        tf.errors.InvalidArgumentError: If a string does not match the format, or a field is out of range.

    Example:
        >>> print(parse_time("2013-01-02 03:04:05.678", "%Y-%m-%d %H:%M:%E*S", "MILLISECOND").numpy())
        1357095845678
        >>> print(parse_time(["1:15 AM", "1:15 pm"], "%I:%M %p", "SECOND").numpy())
        [ 4500 47700]
    """
    check(isinstance(time_format, str), "time_format", time_format, "a string")
    known = isinstance(output_unit, str) and output_unit in UNITS
    remedy = did_you_mean(output_unit, UNITS) if isinstance(output_unit, str) else ""
    check(known, "output_unit", output_unit, f"one of {', '.join(UNITS)}", remedy)
    given = tf.convert_to_tensor(time_string)
    check(given.dtype == tf.string, "time_string", given.dtype.name, "have dtype string")

    # Each part takes the beginning of the rest of the string, so that no part can give back what it has taken.
    rest, valid, fields = given, tf.ones_like(given, tf.bool), {}
    for part in parts_of(time_format):
        found, text = _beginning(rest, part.pattern)
        rest = tf.strings.regex_replace(rest, f"^(?:{part.pattern})", "", replace_global=False)
        valid &= found
        if part.field:
            number = _number(part.field, text)
            inside = (part.low <= number) & (number <= part.high)
            valid &= inside
            name = SAME.get(part.field, part.field)
            fields[name] = tf.where(inside, number, tf.constant(max(part.low, 0), tf.int64))
            if name in OTHER:
                fields.pop(OTHER[name], None)
    valid &= tf.equal(rest, "")
    seconds, nanoseconds, exists = _time(fields, tf.zeros_like(given, tf.int64))
    wrong = tf.boolean_mask(tf.reshape(given, [-1]), tf.reshape(~(valid & exists), [-1]))
    message = f'time_string must be a time in the format "{time_format}", got'
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(tf.size(wrong), 0), [message, wrong])]):
        return _in_unit(seconds, nanoseconds, UNITS[output_unit])


def _beginning(strings: tf.Tensor, pattern: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Return whether strings begin with a pattern, and the strings that match it. Both have the shape of `strings`."""
    found = tf.strings.regex_full_match(strings, f"(?s)(?:{pattern}).*")
    return found, tf.where(found, tf.strings.regex_replace(strings, f"(?s)^({pattern}).*$", r"\1"), "")


def _number(field: str, text: tf.Tensor) -> tf.Tensor:
    """Return the value of a field as int64: a number, the number of a month, nanoseconds, or the seconds of an offset.

    The value of an empty string is 0.
    """
    lower = tf.strings.lower(text)
    if field == "month_name":
        names = tf.constant([month[:3] for month in MONTHS])
        return 1 + tf.argmax(tf.equal(tf.strings.substr(lower, 0, 3)[..., tf.newaxis], names), axis=-1)
    if field == "half":
        return tf.cast(tf.equal(lower, "pm"), tf.int64)
    if field == "fraction":
        digits = tf.strings.regex_replace(text, r"\.", "")
        return _digits(tf.strings.substr(digits + "0" * 9, 0, 9))
    if field == "offset":
        digits = tf.strings.regex_replace(text, "[^0-9]", "") + "0" * 6
        hours, minutes, seconds = (_digits(tf.strings.substr(digits, start, 2)) for start in (0, 2, 4))
        sign = 1 - 2 * tf.cast(tf.strings.regex_full_match(text, "-.*"), tf.int64)
        return sign * ((hours * 60 + minutes) * 60 + seconds)
    number = _digits(tf.where(tf.equal(text, ""), "0", text))
    if field == "short_year":
        return number + 1900 + 100 * tf.cast(number < 69, tf.int64)
    return number


def _digits(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_number(text, tf.int64)


def _time(fields: dict[str, tf.Tensor], zero: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return seconds and nanoseconds since 1970, and whether the date exists."""
    if "unix" in fields:
        return fields["unix"], zero, tf.ones_like(zero, tf.bool)
    year = fields.get("year", fields.get("year_of_date", zero + 1970))
    month, day = fields.get("month", zero + 1), fields.get("day", zero + 1)
    hour = fields.get("hour", zero)
    if "hour_of_half" in fields:
        hour = fields["hour_of_half"] % 12 + 12 * fields.get("half", zero)
    second = fields.get("second", zero)
    days = _days(year, month, day)
    following = _days(year + month // 12, month % 12 + 1, zero + 1)
    seconds = ((days * 24 + hour) * 60 + fields.get("minute", zero)) * 60 + second - fields.get("offset", zero)
    return seconds, tf.where(tf.equal(second, 60), zero, fields.get("fraction", zero)), days < following


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar."""
    # Years begin in March, so that a leap day is the last day of its year.
    year -= tf.cast(month <= 2, tf.int64)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719468


def _in_unit(seconds: tf.Tensor, nanoseconds: tf.Tensor, scale: int) -> tf.Tensor:
    """Return times in a unit of which a second has `scale`, limited to the range of int64."""
    limit = tf.int64.max // scale
    time = seconds * scale + nanoseconds // (10**9 // scale)
    time = tf.where(seconds > limit, tf.constant(tf.int64.max, tf.int64), time)
    return tf.where(seconds < -limit - 1, tf.constant(tf.int64.min, tf.int64), time)
