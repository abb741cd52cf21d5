"""Tests of `tensorsmith tfrecord infer` on the command line."""

import contextlib
import sqlite3

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tensorsmith.records import Column, write
from tensorsmith.tfrecord import Feature, Schema
from tensorsmith.tools.main import main


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("x,y\n1,é\n2,b\n".encode("latin-1"))
    return path


SCHEMA = Schema({"x": Feature("int64"), "y": Feature("string")}, csv={"encoding": "latin-1"})


def test_prints_a_schema(table, capsys):
    assert main(["tfrecord", "infer", str(table), "--encoding", "latin-1"]) == 0
    printed = capsys.readouterr().out
    assert Schema.from_yaml(printed) == SCHEMA
    assert printed.startswith(f"# 2 rows of {table}\n")


def test_writes_a_schema(table, tmp_path, capsys):
    out, other = tmp_path / "schema.yaml", tmp_path / "b.csv"
    other.write_bytes(table.read_bytes())
    assert main(["tfrecord", "infer", str(table), str(other), "--encoding", "latin-1", "--out", str(out)]) == 0
    assert Schema.load(out) == SCHEMA
    assert capsys.readouterr().out == f"{out}: 4 rows of 2 files, {table} to {other}\n"


def test_options_of_csv_files(tmp_path, monkeypatch, capsys):
    """Tests that a conversion reads the file with the options in the schema, and lists the rejected rows."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{number},5;NA;{number % 2}\n" for number in range(1000))
    (tmp_path / "a.csv").write_text("# exported\n" + rows + "1.000,5;3;1\n2;?;\n")
    options = ["--missing=pandas,?", "--delimiter=;", "--decimal=,", "--comment=#", "--names=x,y,label"]
    options += ["--numeric-threshold=0.999", "--required=label", "--out=schema.yaml"]
    assert main(["tfrecord", "infer", "a.csv", *options]) == 0
    text = (tmp_path / "schema.yaml").read_text()
    assert "# x: numeric except 1 of 1,002 rows (a.csv, line 1,002: '1.000,5'); convert rejects such rows\n" in text
    assert Schema.from_yaml(text).features == {
        "x": Feature("float32"),
        "y": Feature("int64", optional=True, default="nan"),
        "label": Feature("int64"),
    }
    convert = ["tfrecord", "convert", "a.csv", "out", "--schema=schema.yaml"]
    assert main([*convert]) == 1
    assert "a.csv, line 1,002 (row 1,001), column x: expected float32, got '1.000,5'" in capsys.readouterr().err
    assert main([*convert, "--rejects=rejects.jsonl"]) == 0
    assert "Read 1,002 rows: 1,000 written, 2 rejected (rejects.jsonl)." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "names", "missing"),
    [
        (["--missing"], ["1", "NA"], {"1": 0, "NA": 1}),
        (["--no-header"], ["column_1", "column_2"], {}),
        (["--no-header", "--missing"], ["column_1", "column_2"], {"column_1": 0, "column_2": 2}),
        (["--delimiter", "\\t"], ["1,NA"], {}),
        (["--row-names"], ["row_names", "1", "NA"], {}),
    ],
)
def test_flags_of_csv_files(tmp_path, capsys, options, names, missing):
    (tmp_path / "a.csv").write_text("1,NA\n2,NA\n")
    assert main(["tfrecord", "infer", str(tmp_path / "a.csv"), *options]) == 0
    text = capsys.readouterr().out
    assert list(Schema.from_yaml(text).features) == names
    for name, count in missing.items():
        assert (f"# {name}: missing in {count} row" in text) == (count > 0)


def _database(path):
    with contextlib.closing(sqlite3.connect(path)) as base, base:
        base.execute("CREATE TABLE t (x INTEGER)")
        base.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])


def _records(path):
    with path.open("wb") as file:
        write(file, {"x": Column.of(np.array([1, 2]))})


WRITERS = {
    "x.npz": lambda path: np.savez(path, x=[1, 2]),
    "x.parquet": lambda path: parquet.write_table(pa.table({"x": [1, 2]}), path),
    "x.jsonl": lambda path: path.write_text('{"x": 1}\n{"x": 2}\n'),
    "x.tfrecord": _records,
    "x.db": _database,
}


@pytest.mark.parametrize("name", WRITERS)
def test_supported_formats(name, tmp_path, capsys):
    path = tmp_path / name
    WRITERS[name](path)
    assert main(["tfrecord", "infer", str(path)]) == 0
    assert capsys.readouterr().out == f"# 2 rows of {path}\nfeatures:\n  x: {{dtype: int64}}\n"


FAILURES = {
    "wrong encoding": (["{table}"], 1, "{table}: line 2 contains the bytes b'\\xe9', which are invalid in utf-8"),
    "no such file": (["{table}x"], 1, "{table}x: no such file"),
    "no such folder": (["{table}", "--out", "{table}x/s.yaml"], 1, "{table}x/s.yaml: no such folder"),
    "another kind's option": (["{table}", "--table", "t"], 2, "table must be omitted for a source of kind csv"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_error_messages(name, table, capsys):
    arguments, code, message = FAILURES[name]
    assert main(["tfrecord", "infer", *[part.format(table=table) for part in arguments]]) == code
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tensorsmith: ")]
    assert len(said) == 1
    assert message.format(table=table) in said[0]
    assert not [path for path in table.parent.iterdir() if path != table]
