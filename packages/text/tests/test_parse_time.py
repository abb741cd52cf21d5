"""Tests of `parse_time` against Python's `datetime`, and of the rules in its docstring."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import text
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
EPOCH = datetime(1970, 1, 1)


def seconds(when):
    """Return the seconds from 1970 to a time, as an integer."""
    return (when - EPOCH) // timedelta(seconds=1)


@pytest.mark.parametrize(
    ("time_format", "written"),
    [
        ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S"),
        ("%E4Y%m%d %H%M%S", "%Y%m%d %H%M%S"),
        ("%FT%T", "%Y-%m-%dT%H:%M:%S"),
        ("%A, %d. %B %Y %I:%M:%S %p", "%A, %d. %B %Y %I:%M:%S %p"),
        ("%a %b %e %Y %r", "%a %b %d %Y %I:%M:%S %p"),
        ("[%d/%h/%Y %R:%S]", "[%d/%b/%Y %H:%M:%S]"),
        ("%Y is day %j, %%%d.%m. %l o'clock%p %M %S", "%Y is day %j, %%%d.%m. %I o'clock%p %M %S"),
    ],
)
def test_formats(time_format, written):
    """Random times from the year 1000 to 9999, written and read."""
    times = [datetime(1000, 1, 1) + timedelta(seconds=int(s)) for s in RNG.integers(0, 9000 * 365 * 86400, 60)]
    times += [datetime(2000, 2, 29), datetime(1999, 12, 31, 23, 59, 59), datetime(1900, 3, 1), datetime(2024, 12, 31)]
    found = text.parse_time([time.strftime(written) for time in times], time_format, "SECOND")
    np.testing.assert_array_equal(found, [seconds(time) for time in times])


@pytest.mark.parametrize("hours", [-23, -5.5, 0, 1.5, 14])
def test_offsets(hours):
    when = datetime(2013, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=hours)))
    for shown in (when.isoformat(), when.strftime("%Y-%m-%dT%H:%M:%S%z")):
        assert int(text.parse_time(shown, "%Y-%m-%dT%H:%M:%S%Ez", "SECOND")) == when.timestamp()
    assert int(text.parse_time(when.strftime("%F %T %z"), "%F %T %z", "SECOND")) == when.timestamp()


@pytest.mark.parametrize(
    ("unit", "scale"), [("SECOND", 1), ("MILLISECOND", 10**3), ("MICROSECOND", 10**6), ("NANOSECOND", 10**9)]
)
def test_units_and_fractions(unit, scale):
    """Times are rounded down, also before 1970, and digits after the ninth are ignored."""
    for shown, second, nanosecond in (
        ("2013-01-02 03:04:05.123456789", 1357095845, 123456789),
        ("1969-12-31 23:59:59.9996", -1, 999600000),
        ("1970-01-01 00:00:07.1234567899999", 7, 123456789),
        ("1970-01-01 00:00:07", 7, 0),
        ("1970-01-01 00:00:60.5", 60, 0),
    ):
        for time_format in ("%F %H:%M:%E*S", "%F %H:%M:%E3S"):
            expected = (second * 10**9 + nanosecond) // (10**9 // scale)
            assert int(text.parse_time(shown, time_format, unit)) == expected
    assert int(text.parse_time("5.25", "%S.%E*f", unit)) == 525 * scale // 100


@pytest.mark.parametrize(
    ("shown", "time_format", "expected"),
    [
        ("15:45", "%H:%M", 56700),
        (" \t7 ", "%d", 518400),
        ("1 2", "%d%n%m", 2678400),
        ("12am", "%I%p", 0),
        ("12 PM", "%I %p", 43200),
        ("PM 1", "%p %I", 46800),
        ("11 PM", "%H %p", 39600),
        ("69", "%y", -31536000),
        ("68", "%y", 3092601600),
        ("2012 13", "%Y %y", 1325376000),
        ("02 March", "%m %B", 5097600),
        ("-5-01-01", "%Y-%m-%d", -62324985600),
        ("-5", "%s", -5),
        ("10.5 7", "%s.%E*f %H", 10),
        ("Z PST", "%z %Z", 0),
        ("1970T00", "%Y%ET%H", 0),
        ("", "", 0),
    ],
)
def test_single_times(shown, time_format, expected):
    assert int(text.parse_time(shown, time_format, "SECOND")) == expected


@pytest.mark.parametrize(
    ("shown", "time_format"),
    [
        ("20130102", "%Y%m%d"),  # all digits are those of the year
        ("2013-02-29", "%F"),
        ("2013-13-01", "%F"),
        ("31 Apr", "%d %b"),
        ("24", "%H"),
        ("61", "%S"),
        ("5 x", "%d"),
        ("x", "%d"),
        ("", "%Y"),
        ("13 AM", "%I %p"),
        ("+01:30", "%z"),
        ("+24", "%z"),
        ("-0", "%Y"),
        ("1" * 30, "%Y"),
        ("Janu", "%B"),
    ],
)
def test_strings_that_do_not_match(shown, time_format):
    with pytest.raises(tf.errors.InvalidArgumentError):
        text.parse_time(["1", shown], time_format, "SECOND")
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.function(text.parse_time)(shown, time_format, "SECOND")


def test_limits_of_int64():
    found = text.parse_time(["2300-01-01", "1600-01-01"], "%F", "NANOSECOND")
    np.testing.assert_array_equal(found, [2**63 - 1, -(2**63)])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 3)])
def test_shapes(shape):
    found = text.parse_time(tf.fill(shape, "7"), "%d", "SECOND")
    assert found.dtype == "int64"
    np.testing.assert_array_equal(found, np.full(shape, 518400))


def test_pipeline():
    lines = tf.data.Dataset.from_tensor_slices(["1 Jan", "2 Feb"]).batch(2)
    (found,) = lines.map(lambda line: text.parse_time(line, "%d %b", "SECOND"))
    np.testing.assert_array_equal(found, [0, 32 * 86400])


@pytest.mark.parametrize("specifier", ["%U", "%Q", "%", "%Ed", "%c", "%:d"])
def test_unknown_specifiers(specifier):
    with raises_argument_error("time_format", expected=f"not contain {specifier}", remedy="%E*S"):
        text.parse_time("1", f"%d{specifier}", "SECOND")


def test_wrong_arguments():
    with raises_argument_error("output_unit", received="'SECONDS'", remedy="Did you mean SECOND?"):
        text.parse_time("1", "%d", "SECONDS")
    with raises_argument_error("time_string", received="int32", expected="have dtype string"):
        text.parse_time(1, "%d", "SECOND")
    with raises_argument_error("time_format", expected="a string"):
        text.parse_time("1", None, "SECOND")
