"""Numbers with thousands separators, words for true and false, and dates and times in CSV files."""

import contextlib
import datetime
import itertools
import json
import sqlite3

import numpy as np
import pyarrow as pa
import pytest

from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, convert, examples, find_record_files, open_source, review
from tensorsmith.tfrecord._support.dates import parse_dates
from tensorsmith.tfrecord.sources import csv_files


def written(path, header, cells):
    """Writes a CSV file, quoting all cells."""
    lines = [header, *(",".join(f'"{cell}"' if cell else "" for cell in row) for row in cells)]
    path.write_text("\n".join(lines) + "\n")
    return path


def comments(path, **options):
    """Returns the comments of the schema for review without the first, and the features."""
    text = review(open_source(path, **options))
    found = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")]
    return found[1:], Schema.from_yaml(text).features


def converted(path, folder, **options):
    """Returns the values of all features, read with the schema that the conversion has inferred."""
    done = convert(open_source(path, **options), folder, name="x")
    assert done.rejects == 0
    (batch,) = examples(find_record_files([folder]), Schema.load(folder / "schema.yaml"), done.records)
    return {name: tensor.numpy() for name, tensor in batch.items()}


@pytest.mark.parametrize(
    ("cells", "options", "shown"),
    [
        (
            ["12,345.67", "5", "999.5", "-1,000"],
            {"thousands": ","},
            "the thousands separator ',' (a.csv, line 2: '12,345.67')",
        ),
        (["1,234", "5,678", "1,234,567"], {"thousands": ","}, "the thousands separator ',' (a.csv, line 2: '1,234')"),
        (["5", "12'345.67"], {"thousands": "'"}, 'the thousands separator "\'" (a.csv, line 3: "12\'345.67")'),
        (["12 345.67", "1\u00a0234", "1\u202f234"], {"thousands": " "}, "the thousands separator ' ' (a.csv, line 2"),
        (["1,5", "-1234,25"], {"decimal": ","}, "a decimal comma (a.csv, line 2: '1,5')"),
        (
            ["1.234,5", "999,25", "1.234.567,0", "7"],
            {"decimal": ",", "thousands": "."},
            "a decimal comma and the thousands",
        ),
        (["1 234,5", "7"], {"decimal": ",", "thousands": " "}, "a decimal comma and the thousands separator ' '"),
    ],
)
def test_thousands_separators(tmp_path, monkeypatch, cells, options, shown):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "a.csv", "income,code", [(cell, "1,234 x") for cell in cells])
    (comment,), features = comments("a.csv")
    assert comment.startswith(f"income: numbers with {shown}")
    flags = " ".join(f"--{name}={value}" for name, value in options.items())
    assert comment.replace('"', "").replace("'", "").endswith(f"; {flags} reads it as numeric".replace("'", ""))
    assert features["income"].dtype == "string"
    found, features = comments("a.csv", **options)
    assert not any("income" in comment for comment in found)
    read = converted(path, tmp_path / "out", **options)
    assert read["income"].dtype != object
    digits = [
        cell.replace(options.get("thousands", "x"), "").replace("\u00a0", "").replace("\u202f", "") for cell in cells
    ]
    np.testing.assert_allclose(read["income"], [float(text.replace(",", ".")) for text in digits], rtol=1e-7)
    assert set(read["code"]) == {b"1,234 x"}  # strings are unchanged


def test_thousands_separators_and_missing_values(tmp_path, monkeypatch):
    """Tests the reported file: separators in a quarter of the cells, and a marker of missing values."""
    monkeypatch.chdir(tmp_path)
    cells = [("12,345.67",), ("NA",), ("7.5",), ("8",)] * 30
    path = written(tmp_path / "a.csv", "income", cells)
    (comment,), features = comments("a.csv")
    assert comment == (
        "income: numbers with the thousands separator ',' and 'NA' (a.csv, line 2: '12,345.67'), therefore a string; "
        "--thousands=, --missing=pandas reads it as numeric"
    )
    assert features["income"] == Feature("string")
    read = converted(path, tmp_path / "out", thousands=",", missing=["pandas"])
    np.testing.assert_array_equal(read["income"][:4], np.array([12345.67, np.nan, 7.5, 8], "float32"))
    assert "csv: {thousands: ',', missing: [pandas]}" in (tmp_path / "out" / "schema.yaml").read_text()


@pytest.mark.parametrize("marks", [",.", ".,", " ,", "'."])
def test_random_numbers_with_thousands_separators(tmp_path, marks):
    """Tests that numbers as Python formats them are read without loss."""
    rng, (thousands, decimal) = np.random.default_rng(0), marks
    numbers = np.round(rng.normal(0, 1, 500) * 10 ** rng.uniform(0, 10, 500), 2)
    swap = str.maketrans({",": thousands, ".": decimal})
    path = written(tmp_path / "a.csv", "x,y", [(f"{number:,.2f}".translate(swap), "1") for number in numbers])
    read = converted(path, tmp_path / "out", thousands=thousands, decimal=decimal)
    np.testing.assert_array_equal(read["x"], numbers)


def test_digits_that_are_not_grouped_by_three_are_strings(tmp_path):
    path = written(tmp_path / "a.csv", "a,b,c", [("1,23", "0,123", "1,234"), ("12,3456", "1,234", "1,23,456")])
    assert {feature.dtype for feature in comments(path, thousands=",")[1].values()} == {"string"}
    schema = Schema({"a": Feature("float32")}, csv={"thousands": ","})
    done = convert(open_source(path), tmp_path / "out", name="x", schema=schema, rejects=tmp_path / "rejects")
    assert done.rejects == 2
    assert "got '1,23'" in (tmp_path / "rejects").read_text()


@pytest.mark.parametrize("value", [",,", "1", "a", '"', "-", 5])
def test_invalid_thousands_separator(tmp_path, value):
    path = written(tmp_path / "a.csv", "a", [("1",)])
    with raises_argument_error("thousands", expected="a single character"):
        open_source(path, thousands=value)
    with raises_argument_error("thousands", expected="different from the decimal point"):
        open_source(path, thousands=",", decimal=",", delimiter=";")


@pytest.mark.parametrize(
    "words", [("no", "yes"), ("No", "Yes"), ("N", "Y"), ("n", "y"), ("false", "true"), ("FALSE", "TRUE")]
)
def test_words_for_true_and_false(tmp_path, words):
    no, yes = words
    path = written(tmp_path / "a.csv", "smoker,id", [(yes, "1"), (no, "2"), ("", "3"), (yes, "4")])
    found, features = comments(path)
    assert features["smoker"] == Feature("bool", optional=True, default="nan")
    comment = (
        f"smoker: {yes.lower()!r} and {no.lower()!r} in any case, read as bool; {{dtype: string}} keeps the strings"
    )
    assert (comment in found) == (no.lower() != "false")
    np.testing.assert_array_equal(converted(path, tmp_path / "out")["smoker"], [1, 0, np.nan, 1])


def test_words_that_are_not_a_pair(tmp_path):
    cells = [("NO", "Y", "yes", "Y", "y"), ("NO", "Y", "n", "N", "no"), ("NO", "Y", "maybe", "X", "1")]
    _, features = comments(written(tmp_path / "a.csv", "country,code,a,b,c", cells))
    assert {feature.dtype for feature in features.values()} == {"string"}


def test_words_are_read_by_a_schema(tmp_path):
    path = written(tmp_path / "a.csv", "a", [("yes",), ("0",), ("True",), ("perhaps",)])
    schema, rejects = Schema({"a": Feature("bool")}), tmp_path / "rejects"
    done = convert(open_source(path), tmp_path / "out", name="x", schema=schema, rejects=rejects)
    assert (done.records, json.loads(rejects.read_text())["problem"]) == (3, "expected bool, got 'perhaps'")


def test_words_and_markers_of_missing_values(tmp_path):
    path = written(tmp_path / "a.csv", "a", [("yes",), ("no",), ("NA",)] * 2)
    (comment,), _ = comments(path)
    assert comment.startswith("a: true or false except 2 of 6 rows with 'NA'")
    assert comments(path, missing=["pandas"])[1]["a"].dtype == "bool"


MOMENTS = [datetime.datetime(1969, 12, 31, 23, 59, 58), datetime.datetime(2024, 2, 29, 1, 2, 3)]
MOMENTS += [
    datetime.datetime(2023, 3, 4, 13, 5, 0),
    datetime.datetime(2023, 11, 25),
    datetime.datetime(9999, 12, 31, 1),
]


@pytest.mark.parametrize(
    ("date", "time"),
    [
        *itertools.product(["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%b-%Y"], ["", " %H:%M:%S"]),
        *(("%b %d, %Y", ""), ("%m/%d/%Y", " %I:%M:%S %p"), ("%Y-%m-%d", "T%H:%M:%S"), ("%Y-%m-%d", " %H:%M:%S.%f")),
    ],
)
def test_dates(tmp_path, date, time):
    """Tests formats against `datetime`."""
    pattern = date + time
    path = written(tmp_path / "a.csv", "at,x", [(moment.strftime(pattern), "1") for moment in MOMENTS])
    (comment,), features = comments(path)
    iso = {"%Y-%m-%d": "date", "%Y-%m-%d %H:%M:%S": "datetime", "%Y-%m-%dT%H:%M:%S": "datetime"}
    assert features["at"] == Feature("int64", format="datetime" if "%f" in time else iso.get(pattern, pattern))
    expected = "dates and times, stored as seconds" if time else "dates, stored as days"
    assert comment == f"at: {expected} since 1970-01-01"
    epoch = datetime.datetime(1970, 1, 1)
    differences = [(moment - epoch).total_seconds() if time else (moment - epoch).days for moment in MOMENTS]
    np.testing.assert_array_equal(converted(path, tmp_path / "out")["at"], differences)


def test_dates_with_offsets_fractions_and_missing_values(tmp_path):
    cells = ["1970-01-01T01:00:00+01:00", "1970-01-01 00:00:01.5Z", "", "1970-01-02"]
    path = written(tmp_path / "a.csv", "at,x", [(cell, "1") for cell in cells])
    assert comments(path)[1]["at"] == Feature("float64", optional=True, default="nan", format="datetime")
    np.testing.assert_array_equal(converted(path, tmp_path / "out")["at"], [0, 1.5, np.nan, 86400])


def test_dates_in_other_formats(tmp_path):
    """Tests sources whose values have types, and dates in lists, which remain strings."""
    rows = [{"at": "2023-05-01", "days": ["2023-05-01"]}, {"at": "2023-05-02", "days": ["2023-05-03"]}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as base:
        base.execute("CREATE TABLE t (at TEXT)")
        base.executemany("INSERT INTO t VALUES (?)", [(row["at"],) for row in rows])
        base.commit()
    for name in ("a.jsonl", "a.db"):
        features = comments(tmp_path / name)[1]
        assert features["at"] == Feature("int64", format="date")
        assert features.get("days", Feature("string", (1,))) == Feature("string", (1,))
        np.testing.assert_array_equal(converted(tmp_path / name, tmp_path / f"out {name}")["at"], [19478, 19479])


def test_times(tmp_path):
    path = written(tmp_path / "a.csv", "at", [("00:00",), ("9:05",), ("23:59:59",)])
    (comment,), features = comments(path)
    assert comment == "at: times, stored as seconds since midnight"
    assert features["at"] == Feature("int64", format="time")
    np.testing.assert_array_equal(converted(path, tmp_path / "out")["at"], [0, 9 * 3600 + 300, 86399])


def test_ambiguous_dates(tmp_path):
    path = written(tmp_path / "a.csv", "at", [("03/04/2023",), ("5/6/2023",)])
    (comment,), features = comments(path)
    assert comment == (
        "at: dates in which the day or the month may come first, therefore a string; "
        "write {dtype: int64, format: '%m/%d/%Y'} or {dtype: int64, format: '%d/%m/%Y'}"
    )
    assert features["at"] == Feature("string")
    schema = Schema.from_yaml("features:\n  at: {dtype: int64, format: '%d/%m/%Y'}\n")
    convert(open_source(path), tmp_path / "out", name="x", schema=schema)
    (batch,) = examples(find_record_files([tmp_path / "out"]), schema, 2)
    assert batch["at"].numpy().tolist() == [
        (datetime.date(2023, month, day) - datetime.date(1970, 1, 1)).days for month, day in ((4, 3), (6, 5))
    ]


MARKERS = "therefore a string; --missing={} reads such cells as missing values"
REJECTS = "therefore a string; correct these rows, or write {}, and convert then rejects them"
DAY = "{{dtype: int64, format: '{}'}}"


@pytest.mark.parametrize(
    ("cells", "comment"),
    [
        (["2023-05-01", "?", "2023-5-2"], "1 of 3 rows with '?' (FILE, line 3: '?'), " + MARKERS.format("'?'")),
        (["NA", "NA", "1.5.2023"], "2 of 3 rows with 'NA' (FILE, line 2: 'NA'), " + MARKERS.format("pandas")),
        (["NA", "3/4/2023"], "1 of 2 rows with 'NA' (FILE, line 2: 'NA'), " + MARKERS.format("pandas")),
        (
            [*["2024-02-28"] * 9, "2024-02-30"],
            "1 of 10 rows (FILE, line 11: '2024-02-30'), " + REJECTS.format(DAY.format("date")),
        ),
        (
            ["31.11.2023", "NA", *["1.5.2023"] * 20],
            "2 of 22 rows (FILE, line 2: '31.11.2023'), " + REJECTS.format(DAY.format("%d.%m.%Y")),
        ),
        (
            [*["3/4/2023"] * 10, "none"],
            "1 of 11 rows (FILE, line 12: 'none'), "
            + REJECTS.format(f"{DAY.format('%m/%d/%Y')} or {DAY.format('%d/%m/%Y')}"),
        ),
    ],
)
def test_dates_except_some_rows(tmp_path, cells, comment):
    """Tests markers of missing values, impossible dates, and other strings."""
    path = written(tmp_path / "a.csv", "x", [(cell,) for cell in cells])
    found, features = comments(path)
    assert features["x"] == Feature("string")
    assert found == [f"x: dates or times except {comment.replace('FILE', str(path))}"]


def test_few_dates(tmp_path):
    """A column in which many rows are not dates is a string without a comment, even if the first rows are dates."""
    for cells in (["2024-02-28"] * 5 + ["later"] * 5, ["later"] * 5 + ["2024-02-28"] * 5, ["NA", "?"]):
        assert comments(written(tmp_path / "a.csv", "x", [(cell,) for cell in cells]))[0] == []


def test_dates_in_several_batches(tmp_path, monkeypatch):
    """The first batches contain only markers, and only dates. The line is that of the file."""
    monkeypatch.setattr(csv_files, "BLOCK", 64)
    cells = ["NA"] * 50 + ["2024-02-28"] * 1000 + ["2024-02-30"] + ["2024-02-28"] * 50
    (comment,), _ = comments(written(tmp_path / "a.csv", "x", [(cell,) for cell in cells]))
    assert comment.startswith(f"x: dates or times except 51 of 1,101 rows ({tmp_path / 'a.csv'}, line 2: 'NA'), ")


@pytest.mark.parametrize(
    "cells",
    [
        ["2023-02-30", "2023-02-01"],
        ["10.0.0.1", "10.0.0.2"],
        ["2023-05-01", "of unknown date"],
        ["1.5.2023 or later", "1.5.2023"],
        ["555-12-34", "555-99-99"],
        ["5 of 10", "3 of 10"],
        ["May be", "June 5 is"],
    ],
)
def test_strings_that_are_not_dates(tmp_path, cells):
    found, features = comments(written(tmp_path / "a.csv", "x", [(cell,) for cell in cells]))
    assert features["x"] == Feature("string")
    assert found == []


def test_numbers_are_not_dates(tmp_path):
    _, features = comments(written(tmp_path / "a.csv", "a,b", [("20230501", "1.5"), ("20230502", "12.5")]))
    assert features == {"a": Feature("int64"), "b": Feature("float32")}


def test_dates_that_do_not_have_the_format_are_rejects(tmp_path):
    path = written(tmp_path / "a.csv", "at", [("2023-05-01",), ("2023-02-30",), (" 2023-05-02 ",), ("1.5.2023",)])
    rejects = tmp_path / "rejects"
    schema = Schema({"at": Feature("int64", format="date")})
    done = convert(open_source(path), tmp_path / "out", name="x", schema=schema, rejects=rejects)
    assert done.records == 2
    problems = [json.loads(line)["problem"] for line in rejects.read_text().splitlines()]
    assert problems == ["expected the format date, got '2023-02-30'", "expected the format date, got '1.5.2023'"]
    written(path, "at", [("2023-05-01 10:00:00.5",), ("2023-05-01 10:00",)])
    schema = Schema({"at": Feature("int64", format="datetime")})
    done = convert(open_source(path), tmp_path / "two", name="x", schema=schema, rejects=rejects)
    assert done.records == 1
    assert "expected no fractions of seconds for int64" in rejects.read_text()


def test_month_whose_name_is_its_abbreviation(tmp_path):
    assert comments(written(tmp_path / "a.csv", "at", [("May 1, 2023",)]))[1]["at"].format == "%b %d, %Y"
    cells = [("May 1, 2023",), ("June 12, 2023",)]
    assert comments(written(tmp_path / "a.csv", "at", cells))[1]["at"].format == "%B %d, %Y"


def test_unpadded_dates(tmp_path):
    path = written(tmp_path / "a.csv", "at", [("2023-10-01",)] * 9 + [("2023-9-1",)])
    assert comments(path)[1]["at"] == Feature("int64", format="%Y-%m-%d")


@pytest.mark.parametrize("format", ["day", "%H:%M", "%d.%m", "2023", 5, "%Q"])
def test_invalid_formats(format):
    with raises_argument_error("format", expected='"date", "datetime", "time", or a format'):
        Feature("int64", format=format)


def test_dtypes_of_dates():
    for options in ({"dtype": "string"}, {"dtype": "float32"}, {"dtype": "int64", "labels": ("a",)}):
        with raises_argument_error("format", expected="omitted unless the dtype is int64 or float64"):
            Feature(**options, format="date")
    assert Feature("int64", optional=True, default="nan", format="datetime").tensor_dtype == "float64"


def test_reference_of_dates():
    """Tests random moments of several centuries against `datetime`."""
    rng, epoch = np.random.default_rng(0), datetime.datetime(1970, 1, 1)
    moments = [epoch + datetime.timedelta(seconds=int(second)) for second in rng.integers(-(10**10), 10**10, 500)]
    seconds = [(moment - epoch).total_seconds() * 1e6 for moment in moments]
    for pattern, format in {"%Y-%m-%d %H:%M:%S": "datetime", "%d.%m.%Y %H:%M:%S": "%d.%m.%Y %H:%M:%S"}.items():
        texts = pa.array([moment.strftime(pattern) for moment in moments])
        np.testing.assert_array_equal(parse_dates(texts, format), seconds)
