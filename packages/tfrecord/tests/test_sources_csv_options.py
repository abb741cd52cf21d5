"""Options with which CSV files are read: stored in the schema, and applied in the same way when it is used."""

import json

import numpy as np
import pytest

from tensorsmith.core import ArgumentError
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, UnreadableError, convert, open_source, review, rows


def values(source, schema):
    """Returns the columns of all rows as lists, and the rejects."""
    batches = list(source.batches(schema))
    names = list(schema.features)
    columns = {name: [row[name] for batch in batches for row in batch.rows.to_pylist()] for name in names}
    return columns, [reject for batch in batches for reject in batch.rejects]


# Content, options, and the expected dtypes and values.
FILES = {
    "pandas markers": (
        'x,y,z\n1,NA,a\nN/A,2.5,"NA"\n<NA>,-1.#IND,""\n n/a ,null,?\n3,0,None\n',
        {"missing": ["pandas"]},
        {"x": "int64", "y": "float32", "z": "string"},
        {"x": ["1", None, None, None, "3"], "y": [None, "2.5", None, None, "0"], "z": ["a", None, None, "?", None]},
    ),
    "own markers": (
        'x,y\n1,NA\n?,""\n -,\n',
        {"missing": ["?", "-"]},
        {"x": "int64", "y": "string"},
        {"x": ["1", None, None], "y": ["NA", "", None]},
    ),
    "spaces around numbers": ("x, y\n1, 2\n3, 4.5\n", {}, {"x": "int64", "y": "float32"}, {"y": [" 2", " 4.5"]}),
    "semicolons and decimal commas": (
        "x;y;z\n1,5;1.234;a,b\n-2;5;1,5\n3,25e2;7;c\n",
        {"delimiter": ";", "decimal": ","},
        {"x": "float32", "y": "string", "z": "string"},
        {"x": ["1.5", "-2", "3.25e2"], "y": ["1.234", "5", "7"], "z": ["a,b", "1,5", "c"]},
    ),
    "delimiter": ("x y\n1 2\n", {"delimiter": " "}, {"x": "int64", "y": "int64"}, {"x": ["1"], "y": ["2"]}),
    "tabs with commas in the header": ('"x,1"\ty\n1\t2\n', {"delimiter": "\t"}, {"x,1": "int64", "y": "int64"}, {}),
    "no header": (
        "1,a\n2,b\n",
        {"header": False},
        {"column_1": "int64", "column_2": "string"},
        {"column_1": ["1", "2"], "column_2": ["a", "b"]},
    ),
    "names": ("1,a\n2,b\n", {"names": ["n", "t"]}, {"n": "int64", "t": "string"}, {"n": ["1", "2"], "t": ["a", "b"]}),
    "comments": (
        '# by, "A"\n#x\nx,y\n1,2\n#3,4\n# more\n\n"#5",6\n',
        {"comment": "#"},
        {"x": "string", "y": "int64"},
        {"x": ["1", "#5"], "y": ["2", "6"]},
    ),
    "comments without a header": ("#\n1\n#2\n3\n", {"comment": "#", "header": False}, {"column_1": "int64"}, {}),
}


@pytest.mark.parametrize("name", FILES)
def test_options(tmp_path, name):
    content, options, dtypes, expected = FILES[name]
    path = tmp_path / "a.csv"
    path.write_text(content)
    source = open_source(path, **options)
    schema = Schema.from_yaml(review(source))
    assert schema == source.infer()
    assert schema.csv == options
    assert {column: feature.dtype for column, feature in schema.features.items()} == dtypes
    for one in (source, open_source(path)):  # the second source is read with the options in the schema
        columns, rejects = values(one, schema)
        assert rejects == []
        assert {column: columns[column] for column in expected} == expected


def test_lines_and_rows_with_comments(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("#\n#\nx,y\n1,2\n# comment\n\n3\n4,5\n#,\n6,7,8\n9,z\n")
    source = open_source(path, comment="#", row_names=False)
    schema = Schema({"x": Feature("int64"), "y": Feature("int64")})
    (batch, *_) = source.batches(schema)
    assert (batch.numbers.tolist(), batch.lines.tolist()) == ([1, 3, 5], [4, 8, 11])
    done = convert(source, tmp_path / "out", name="n", schema=schema, rejects=tmp_path / "rejects")
    assert (done.rows, done.records, done.rejects) == (5, 2, 3)
    found = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    assert [(one["line"], one["row"], one["column"]) for one in found] == [(7, 2, ""), (10, 4, ""), (11, 5, "y")]


def test_row_names_of_r(tmp_path):
    """Tests a file written by `write.table` of R, whose header has no field for the row names."""
    path = tmp_path / "cars.txt.csv"
    path.write_text('"mpg" "cyl"\n"Mazda RX4" 21 6\n"Datsun 710" NA 4\n')
    source = open_source(path, delimiter=" ", missing=["NA"])
    text = review(source)
    schema = Schema.from_yaml(text)
    assert "# each row has one field more than the header: the first field is read as row_names\n" in text
    assert schema.csv == {"row_names": True, "delimiter": " ", "missing": ["NA"]}
    assert values(open_source(path), schema) == (
        {"row_names": ["Mazda RX4", "Datsun 710"], "mpg": ["21", None], "cyl": ["6", "4"]},
        [],
    )
    _, rejects = values(open_source(path, delimiter=" ", row_names=False), Schema({"mpg": Feature("int64")}))
    assert [reject.line for reject in rejects] == [2, 3]


@pytest.mark.parametrize("content", ["x,y\n1,2,\n3,4,\n", "x,y\n1,2,3\n4,5\n", "x,y\n1,2\n3,4,5\n"])
def test_no_row_names(tmp_path, content):
    """Tests that delimiters at the ends of rows, and rows of different lengths, are not taken for row names."""
    (tmp_path / "a.csv").write_text(content)
    assert list(open_source(tmp_path / "a.csv").infer().features) == ["x", "y"]


INVALID = [
    ({"delimiter": ",,"}, "delimiter", "a single ASCII character"),
    ({"comment": '"'}, "comment", "a single ASCII character"),
    ({"decimal": ";"}, "decimal", '"." or ","'),
    ({"decimal": ",", "delimiter": ","}, "decimal", "different from the delimiter"),
    ({"missing": "NA"}, "missing", "a list of strings"),
    ({"names": ["a", "a"]}, "names", "a list of distinct, non-empty column names"),
    ({"header": 0}, "header", "true or false"),
    ({"numeric_threshold": 0}, "numeric_threshold", "a number in (0, 1]"),
]


@pytest.mark.parametrize(("options", "name", "expected"), INVALID)
def test_invalid_options(tmp_path, options, name, expected):
    (tmp_path / "a.csv").write_text("x\n1\n")
    with raises_argument_error(name, expected=expected):
        open_source(tmp_path / "a.csv", **options)


def test_invalid_options_in_schema(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    schema = Schema({"x": Feature("int64")}, csv={"delimeter": ";"})
    with raises_argument_error("csv option delimeter", remedy="Did you mean delimiter?"):
        list(open_source(tmp_path / "a.csv").batches(schema))
    with pytest.raises(ArgumentError, match="csv must be a mapping"):
        Schema.from_yaml("features: {}\ncsv: [1]\n")


def test_missing_header_is_suggested(tmp_path):
    (tmp_path / "a.csv").write_text("0,0\n1,2\n")
    with pytest.raises(
        UnreadableError, match="duplicate column `0`; if the first line is a row, read the file without"
    ):
        open_source(tmp_path / "a.csv").infer()


def comments(path, **options):
    """Returns the comments of the schema for review, and the dtypes."""
    text = review(open_source(path, **options))
    found = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")]
    return found, {name: feature.dtype for name, feature in Schema.from_yaml(text).features.items()}


def test_one_value_that_is_no_number(tmp_path):
    path = tmp_path / "people.csv"
    lines = [f"{number / 4},{number}" for number in range(20_000)]
    lines[7_061] = '"1,234.50 kr",7061'
    path.write_text("income,id\n" + "\n".join(lines))
    (_, report), dtypes = comments(path)
    assert report == (
        f"income: numeric except 1 of 20,000 rows ({path}, line 7,063: '1,234.50 kr'), therefore a string; "
        "--numeric-threshold 0.999 makes it float32, and convert then rejects such rows"
    )
    assert dtypes == {"income": "string", "id": "int64"}
    (_, report), dtypes = comments(path, numeric_threshold=0.999)
    assert report.endswith("line 7,063: '1,234.50 kr'); convert rejects such rows")
    assert dtypes == {"income": "float32", "id": "int64"}
    source = open_source(path, numeric_threshold=0.999)
    done = convert(source, tmp_path / "out", name="n", rejects=tmp_path / "rejects")
    assert (done.rows, done.records, done.rejects) == (20_000, 19_999, 1)
    (reject,) = map(json.loads, (tmp_path / "rejects").read_text().splitlines())
    assert (reject["line"], reject["row"], reject["column"]) == (7063, 7062, "income")
    incomes = [row["income"][0] for path in done.splits["train"].paths for row in rows(path)]
    np.testing.assert_array_equal(incomes, [number / 4 for number in range(20_000) if number != 7_061])


def test_markers_are_reported(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y,z\n" + "NA,1,true\n?,2,\nNA,n/a,NA\n3,4,false\n")
    found, dtypes = comments(path)
    assert found[2:] == [
        f"x: numeric except 3 of 4 rows with '?' and 'NA' ({path}, line 2: 'NA'), therefore a string; "
        "--missing='?,pandas' reads such cells as missing values, and the column as int64",
        f"y: numeric except 1 of 4 rows with 'n/a' ({path}, line 4: 'n/a'), therefore a string; "
        "--missing=pandas reads such cells as missing values, and the column as int64",
        f"z: true or false except 1 of 3 rows with 'NA' ({path}, line 4: 'NA'), therefore a string; "
        "--missing=pandas reads such cells as missing values, and the column as bool",
    ]
    assert set(dtypes.values()) == {"string"}
    found, dtypes = comments(path, missing=["?", "pandas"])
    assert found[1] == 'read with missing ["?", "pandas"]'
    assert dtypes == {"x": "int64", "y": "int64", "z": "bool"}


@pytest.mark.parametrize(
    ("content", "options", "report"),
    [
        (
            "x;y\n1,5;1\n2;1\n-3,25;1\n",
            {"decimal": ","},
            "x: numbers with a decimal comma (a.csv, line 2: '1,5'), therefore a string; "
            "--decimal=, reads it as numeric",
        ),
        ("# by A\nx,y\n1,2\n", {"comment": "#"}, "the first line begins with '#'; --comment='#' skips such lines"),
        ("1,2.5\n3,4\n", {"header": False}, "all column names are numbers; --no-header reads the first line as a row"),
    ],
)
def test_options_are_suggested(tmp_path, monkeypatch, content, options, report):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(content)
    assert report in comments("a.csv")[0]
    found, dtypes = comments("a.csv", **options)
    assert report not in found
    assert "string" not in dtypes.values()


@pytest.mark.parametrize(
    "cells",
    [
        ["a", "b", "c1", "1"],
        ["01234", "10000"],
        ["1", "true"],
        ["A1"] * 20 + ["7"] * 10,
        ["18446744073709551616", "1"],
    ],
)
def test_strings_are_not_reported(tmp_path, cells):
    path = tmp_path / "a.csv"
    path.write_text("x\n" + "\n".join(cells) + "\n")
    assert comments(path)[1] == {"x": "string"}
    assert not any("numeric" in line for line in comments(path)[0])
    assert comments(path, numeric_threshold=0.9)[1] == {"x": "string"}


def test_required(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,label\n1,0\n2,\n,1\n")
    text = review(open_source(path), required=["label"])
    assert "# x: missing in 1 row; read as NaN\n# label: missing in 1 row; convert rejects such rows\n" in text
    assert Schema.from_yaml(text).features["label"] == Feature("int64")
    done = convert(open_source(path), tmp_path / "out", name="n", required=["label"], rejects=tmp_path / "rejects")
    assert (done.records, done.rejects) == (2, 1)
    assert Schema.load(tmp_path / "out/schema.yaml") == Schema.from_yaml(text)
