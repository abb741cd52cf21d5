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


SCHEMA = Schema({"x": Feature("int64"), "y": Feature("string")})


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
