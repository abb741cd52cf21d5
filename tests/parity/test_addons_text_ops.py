"""Comparison of `parse_time` and `skip_gram_sample` with the compiled ops of TensorFlow Addons."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import text

pytestmark = pytest.mark.slow

STRINGS = """
2013-01-02|2013-1-2|20130102|2013-02-29|2012-02-29|0-01-01|-5-01-01|-0-01-01|12/31/99|1/2/3|13/1/1|1234567|-5|-0|+5|007
15:45|1:2|24:00|23:60|15:45:60|15:45:61|15:45:59.75|15:45:59.|15:45:60.5|15:45:07.1234567899| 15:45 |15 :45|15:45x
3 PM|3 pm|12 AM|12 am|13 PM|0 AM|PM 3|3PM|Jan 2|january 2|Sept 2|sep 2|May 31|Apr 31|2 Jan|Thu Jan 2|thursday jan 2
+0130|-01:30|+01:30:15|-013015|Z|z|+24|+0160|+1|UTC|5.25|.25|25|T5|t5|%5|5%||x|100|366|367| 7|  7 7|7\t7|70|69|68|99|100
2013 Z|2013 -01:30|2013-01-02T03:04:05+01:30|2013-01-02T03:04:05.678Z|9999-12-31|99999-12-31|03:04:05 PM|3:4:5pm
""".replace("\n", "|").split("|")
FORMATS = (
    """
%Y-%m-%d|%F|%E4Y%m%d|%Y%m%d|%D|%m/%d/%y|%s|%H:%M|%R|%T|%H:%M:%S|%H:%M:%E*S|%H:%M:%E3S|%I %p|%l%p|%p %I|%H %p|%b %d|%B %e
%h%d|%d %b|%a %b %d|%A %B %d|%z|%Ez|%E*z|%:z|%::z|%Z|%S.%E*f|%E3f|%E*S|%ET%d|%%%d|%d%%|%j|%k|%k %k|%n%d%t%d|%d %d|%y|%d
%Y %z|%Y %Ez|%FT%T%Ez|%Y-%m-%dT%H:%M:%E*S%Ez|%r|%M|%m||x|%Y %Y|%H%M
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def result(function, *arguments):
    """Return the result as an integer, or `None` if the string does not match the format."""
    try:
        return int(function(*arguments))
    except tf.errors.InvalidArgumentError:
        return None
    except AssertionError as error:  # raised by the client of the other process
        if "InvalidArgumentError" not in str(error):
            raise
        return None


# Formats without fractions of a second have one unit each.
@pytest.mark.parametrize(
    ("time_format", "unit"),
    [
        (time_format, unit)
        for number, time_format in enumerate(FORMATS)
        for parity, unit in enumerate(["SECOND", "NANOSECOND"])
        if "E" in time_format or number % 2 == parity
    ],
)
def test_parse_time(addons_with_ops, time_format, unit):
    def theirs(string):
        options = {"time_format": time_format, "output_unit": unit}
        return addons_with_ops("function", [np.array(string)], name="text.parse_time", **options)[0]

    expected = {string: result(theirs, string) for string in STRINGS}
    matching = [string for string, value in expected.items() if value is not None]
    found = text.parse_time(tf.constant(matching, tf.string), time_format, unit)
    np.testing.assert_array_equal(found, [expected[string] for string in matching])
    for string in expected.keys() - matching:
        assert result(text.parse_time, string, time_format, unit) is None, string


def ours(tokens, name, **options):
    """Return the skip-grams of integers as strings."""
    found = getattr(text, name)(tf.strings.as_string(tokens), **options)
    return [tf.strings.to_number(each, tf.int64).numpy() for each in found]


@pytest.mark.pairwise
@pytest.mark.parametrize("tokens", [0, 1, 7, 40])
@pytest.mark.parametrize("skips", [0, 1, 3, 50])
@pytest.mark.parametrize("part", [{}, {"start": 2}, {"start": 1, "limit": 4}, {"limit": 0}, {"start": 9, "limit": 99}])
@pytest.mark.parametrize("with_self", [False, True])
def test_skip_grams_of_fixed_windows(addons_with_ops, tokens, skips, part, with_self):
    x = np.random.default_rng(0).integers(0, 9, tokens)
    options = {**part, "min_skips": skips, "max_skips": skips, "emit_self_as_target": with_self}
    theirs = addons_with_ops("skip_grams", [x], name="skip_gram_sample", **options)
    np.testing.assert_array_equal(ours(x, "skip_gram_sample", **options), theirs)


@pytest.mark.parametrize("min_count", [None, 0, 4])
@pytest.mark.parametrize("columns", [(0, 1, ","), (2, 0, "\t")])
def test_skip_grams_of_known_tokens(addons_with_ops, tmp_path, columns, min_count):
    token, frequency, delimiter = columns
    rows = [{token: str(each), frequency: str(each + 1)} for each in range(7)]
    path = tmp_path / "frequencies.txt"
    path.write_text("".join(delimiter.join(row.get(each, "-") for each in range(3)) + "\n" for row in rows))
    x, name = np.random.default_rng(0).integers(0, 9, 30), "skip_gram_sample_with_text_vocab"
    options = {"vocab_token_index": token, "vocab_freq_index": frequency, "vocab_delimiter": delimiter}
    options |= {"vocab_freq_file": str(path), "vocab_min_count": min_count, "min_skips": 2, "max_skips": 2}
    theirs = addons_with_ops("skip_grams", [x], name=name, **options)
    assert theirs[0].size
    np.testing.assert_array_equal(ours(x, name, **options), theirs)


@pytest.mark.parametrize("options", [{"min_skips": 1, "max_skips": 4}, {"min_skips": 0, "max_skips": 1}])
def test_frequencies_of_windows(addons_with_ops, options):
    """The number of labels per token is twice the window size, whose frequencies agree within five deviations."""
    x, counts = np.arange(20000), []
    for tokens in (
        ours(x, "skip_gram_sample", seed=1, **options)[0],
        addons_with_ops("skip_grams", [x], name="skip_gram_sample", seed=1, **options)[0],
    ):
        counts.append(np.bincount(np.bincount(tokens, minlength=len(x))[10:-10], minlength=9))
    np.testing.assert_allclose(*counts, atol=5 * np.sqrt(2 * len(x) / 4))
    assert np.array_equal(*(each > 0 for each in counts))


def test_frequencies_of_subsampled_tokens(addons_with_ops, tmp_path):
    path, x, kept = tmp_path / "frequencies.csv", np.random.default_rng(0).integers(0, 4, 20000), []
    path.write_text("0,1\n1,10\n2,100\n3,1000\n")
    options = {"vocab_freq_file": str(path), "vocab_subsampling": 0.01, "min_skips": 0, "max_skips": 0}
    options |= {"emit_self_as_target": True, "seed": 1}
    name = "skip_gram_sample_with_text_vocab"
    for tokens in (ours(x, name, **options)[0], addons_with_ops("skip_grams", [x], name=name, **options)[0]):
        kept.append(np.bincount(tokens, minlength=4))
    np.testing.assert_allclose(*kept, atol=5 * np.sqrt(2 * len(x) / 16))
    assert kept[0][3] < kept[0][2] < kept[0][1]
