"""Parquet, JSON lines, text and SQLite as sources, compared with pyarrow, json and sqlite3."""

import datetime
import decimal
import json
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tensorsmith.core import ArgumentError
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, UnreadableError, open_source
from tensorsmith.tfrecord.sources import json_lines, text
from tensorsmith.tfrecord.sources import parquet as parquet_source


def read(source, schema=None):
    """Returns all rows, the numbers of all rows, and all rejects."""
    batches = list(source.batches(schema or source.infer()))
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    numbers = [number for batch in batches for number in batch.numbers.tolist()]
    assert len(rows) == len(numbers)
    return rows, numbers, [reject for batch in batches for reject in batch.rejects]


@pytest.fixture
def table():
    day, moment = datetime.date(2020, 2, 29), datetime.datetime(2020, 2, 29, 13, 5, 7)
    return pa.table(
        {
            "i": [1, None, 3],
            "f": [0.5, 1.5, -0.0],
            "list": [[1], [], None],
            "pair": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
            "nested": [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], [[0.0, 0.0]]],
            "struct": [{"a": 1, "b": {"c": "x"}}, None, {"a": 2, "b": None}],
            "structs": [[{"u": 1, "v": "a"}], [{"u": 2, "v": None}], []],
            "day": [day] * 3,
            "moment": pa.array([moment] * 3, pa.timestamp("ms", "UTC")),
            "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
            "decimal": [decimal.Decimal("1.25")] * 3,
            "u8": pa.array([1, 2, 255], pa.uint8()),
            "with/slash": [1, 2, 3],
        }
    )


def test_parquet(tmp_path, table):
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path, row_group_size=2)
    source = open_source(path)
    assert source.infer().features == {
        "i": Feature("int64", optional=True, default="nan"),
        "f": Feature("float64"),
        "list": Feature("int64", (None,), optional=True),
        "pair": Feature("float32", (2,)),
        "nested": Feature("float64", (None, 2)),
        "struct/a": Feature("int64", optional=True, default="nan"),
        "struct/b/c": Feature("string", optional=True, default=""),
        "structs/u": Feature("int64", (None,)),
        "structs/v": Feature("string", (None,)),
        "day": Feature("int64", format="date"),
        "moment": Feature("int64", format="datetime"),
        "dictionary": Feature("string"),
        "decimal": Feature("float64"),
        "u8": Feature("uint8"),
        "with/slash": Feature("int64"),
    }
    rows, numbers, _ = read(source)
    assert numbers == [1, 2, 3]
    same = ("i", "f", "list", "pair", "nested", "dictionary", "u8", "with/slash")
    assert [{name: row[name] for name in same} for row in rows] == table.select(same).to_pylist()
    assert [row["struct/a"] for row in rows] == [1, None, 2]
    assert [row["struct/b/c"] for row in rows] == ["x", None, None]
    assert [row["structs/v"] for row in rows] == [["a"], [None], []]
    assert datetime.date.fromisoformat(rows[0]["day"]) == table["day"][0].as_py()
    assert datetime.datetime.fromisoformat(rows[0]["moment"]) == table["moment"][0].as_py()
    assert rows[0]["decimal"] == 1.25


def test_parquet_schema_selects_columns(tmp_path, table):
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    schema = Schema({"struct/a": Feature("int64", optional=True, default="nan"), "with/slash": Feature("int64")})
    assert read(open_source(path), schema)[0][0] == {"struct/a": 1, "with/slash": 1}
    with pytest.raises(ArgumentError, match="contain only the columns.*got 'no'"):
        read(open_source(path), Schema({"no": Feature("int64")}))


def test_missing_columns_preserve_row_count(tmp_path, table):
    """Tests that the number of rows is kept if the requested columns do not exist."""
    parquet.write_table(table, tmp_path / "a.parquet")
    schema = Schema({"later": Feature("int64", optional=True)})
    assert read(open_source(tmp_path / "a.parquet"), schema)[0] == [{"later": None}] * 3
    (tmp_path / "a.jsonl").write_text("{}\n{}\n")
    assert read(open_source(tmp_path / "a.jsonl"), schema)[0] == [{"later": None}] * 2
    assert open_source(tmp_path / "a.jsonl").survey().rows == 2


def test_parquet_slices_of_lists(tmp_path):
    """Tests slices of list arrays, whose offsets refer to the whole array."""
    lists = [[i] * (i % 4) for i in range(1000)]
    fixed = pa.array([[i, i + 1] for i in range(1000)], pa.list_(pa.int64(), 2))
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"list": lists, "fixed": fixed}).slice(100, 800), path, row_group_size=70)
    rows, numbers, _ = read(open_source(path))
    assert [row["list"] for row in rows] == lists[100:900]
    assert [row["fixed"] for row in rows] == fixed.to_pylist()[100:900]
    assert numbers == list(range(1, 801))


def test_parquet_batches_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_source, "MOST_BYTES", 20_000)
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(0)
    parquet.write_table(pa.table({"x": [rng.bytes(1000) for _ in range(300)]}), path)
    sizes = [batch.rows.nbytes for batch in open_source(path).batches(Schema({"x": Feature("bytes")}))]
    assert len(sizes) > 10
    assert max(sizes) < 30_000


def test_parquet_damaged(tmp_path, table):
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableError, match=r"a\.parquet: not a valid Parquet file"):
        open_source(path).infer()


OBJECTS = [
    {"i": 1, "x": 0.1, "list": [1, 2], "grid": [[1, 2], [3, 4]], "o": {"a": {"b": "x"}}, "mixed": 1},
    {"i": 2, "x": 2, "list": [3], "grid": [[5, 6]], "o": None, "mixed": "two", "late": True},
    {"i": 3, "x": 1e-3, "list": [], "grid": [[7, 8]], "o": {"a": None}, "mixed": [3]},
]


def test_json_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n\n".join(map(json.dumps, OBJECTS)))
    source = open_source(path)
    assert source.infer().features == {
        "i": Feature("int64"),
        "x": Feature("float32"),
        "list": Feature("int64", (None,)),
        "grid": Feature("int64", (None, 2)),
        "o/a/b": Feature("string", optional=True, default=""),
        "mixed": Feature("string"),
        "late": Feature("bool", optional=True, default="nan"),
    }
    rows, numbers, rejects = read(source)
    assert (numbers, rejects) == ([1, 2, 3], [])
    assert [batch.lines.tolist() for batch in source.batches(source.infer())] == [[1, 3, 5]]
    same = ("i", "x", "list", "grid")
    assert [[row[name] for name in same] for row in rows] == [[row[name] for name in same] for row in OBJECTS]
    assert [row["o/a/b"] for row in rows] == ["x", None, None]
    assert [row["mixed"] for row in rows] == ["1", "two", "[3]"]
    assert [row["late"] for row in rows] == [None, True, None]


def test_json_types_change_between_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "MOST_ROWS", 2)
    path = tmp_path / "a.jsonl"
    rows = [{"x": 1, "y": 1, "z": [1]}] * 2 + [{"x": 0.1 + 0.2, "y": "a", "z": 1}] * 2 + [{"w": None}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert open_source(path).infer().features == {
        "x": Feature("float64", optional=True, default="nan"),
        "y": Feature("string", optional=True, default=""),
        "z": Feature("string", optional=True, default=""),
        "w": Feature("string", optional=True, default=""),
    }


BROKEN = {
    "{": "invalid JSON",
    "[1]": r"a line must be a JSON object, got '\[1\]'",
    '{"a": 1, "a": 2}': "duplicate name `a`",
    '{"a": {"b": 1, "b": 2}}': "duplicate name `b`",
    '{"a": "\\ud800"}': "unpaired surrogate",
    "[" * 100_000: "nested too deeply",
    '{"a": "\udcff"}': "not UTF-8",
}


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_json_broken_lines_are_rejects(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line.encode(errors="surrogateescape") + b'\n{"a": 2}\n')
    rows, numbers, (reject,) = read(open_source(path))
    assert (rows, numbers) == ([{"a": 1}, {"a": 2}], [1, 3])
    assert (reject.file, reject.row) == (str(path), 2)
    with pytest.raises(AssertionError, match=BROKEN[line]):
        raise AssertionError(reject.problem)


def test_json_without_valid_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("no\n" * 3)
    rows, _, rejects = read(open_source(path))
    assert (rows, len(rejects)) == ([], 3)


def test_json_integers_beyond_64_bits(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"x": {2**70}}}\n{{"x": 1}}')
    assert read(open_source(path))[0] == [{"x": str(2**70)}, {"x": "1"}]


def test_json_batches_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "MOST_BYTES", 1000)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"x": "a" * 90}) for _ in range(100)))
    assert max(len(batch.rows) for batch in open_source(path).batches(Schema({"x": Feature("string")}))) <= 10


def test_text(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MOST_ROWS", 2)
    path = tmp_path / "a.txt"
    path.write_bytes("one\n\nthrée\r\nfour".encode())
    source = open_source(path)
    assert source.infer().features == {"text": Feature("string")}
    rows, numbers, _ = read(source)
    assert [row["text"] for row in rows] == ["one", "", "thrée", "four"]
    assert numbers == [1, 2, 3, 4]


def test_text_encodings(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("a\nthrée".encode("latin-1"))
    assert read(open_source(path, encoding="latin-1"))[0][1] == {"text": "thrée"}
    with pytest.raises(
        UnreadableError, match=r"a\.txt: line 2 contains the bytes b'\\xe9', which are invalid in utf-8"
    ):
        read(open_source(path))


ROWS = [(1, "é", 0.5, b"\xff", 1), (2, None, 1.5, b"", "q"), (2**63 - 1, "c", None, None, 2.5)]


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('CREATE TABLE "my ""t" (i INTEGER, s TEXT, f REAL, b BLOB, any)')
        connection.executemany('INSERT INTO "my ""t" VALUES (?, ?, ?, ?, ?)', ROWS)
    return path


def test_sqlite(base):
    source = open_source(base)
    assert source.infer().features == {
        "i": Feature("int64"),
        "s": Feature("string", optional=True, default=""),
        "f": Feature("float64", optional=True, default="nan"),
        "b": Feature("bytes", optional=True, default=""),
        "any": Feature("string"),
    }
    rows, numbers, _ = read(source)
    assert [tuple(row.values())[:4] for row in rows] == [row[:4] for row in ROWS]
    assert [row["any"] for row in rows] == ["1", "q", "2.5"]
    assert numbers == [1, 2, 3]


def test_sqlite_queries_and_tables(base):
    with closing(sqlite3.connect(base)) as connection, connection:
        connection.execute("CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID")
        connection.executemany("INSERT INTO keyed VALUES (?, ?)", [("b", 2), ("a", 1)])
        connection.execute("CREATE VIEW seen AS SELECT v FROM keyed")
    assert read(open_source(base, table="keyed"))[0] == [{"k": "a", "v": 1}, {"k": "b", "v": 2}]
    assert len(read(open_source(base, table="seen"))[0]) == 2
    query = 'SELECT i AS n FROM "my ""t" ORDER BY i DESC'
    assert [row["n"] for row in read(open_source(base, query=query))[0]] == [2**63 - 1, 2, 1]
    with raises_argument_error("table", received="None", expected='(keyed, my "t, seen)'):
        open_source(base)
    with raises_argument_error("table", received="'keye'", remedy="Did you mean keyed"):
        open_source(base, table="keye")
    with raises_argument_error("query", expected="not return duplicate column names"):
        read(open_source(base, query="SELECT v, v FROM keyed"))
    with pytest.raises(ArgumentError, match="None when `table` is passed"):
        open_source(base, query=query, table="keyed")


def test_sqlite_rows_are_ordered_by_rowid(base):
    with closing(sqlite3.connect(base)) as connection, connection:
        connection.execute('INSERT INTO "my ""t" (rowid, i) VALUES (-5, 0)')
    assert [row["i"] for row in read(open_source(base))[0]] == [0, 1, 2, 2**63 - 1]


def test_sqlite_never_writes(base):
    with pytest.raises(UnreadableError, match="readonly"):
        read(open_source(base, query='DELETE FROM "my ""t"'))
    assert len(read(open_source(base))[0]) == 3


def test_sqlite_damaged(base):
    base.write_bytes(base.read_bytes()[:100] + b"x" * 4000)
    with pytest.raises(UnreadableError, match=r"a\.db: "):
        open_source(base)
    with pytest.raises(UnreadableError, match="syntax"):
        read(open_source(base, query="SELECT FROM"))


@pytest.mark.parametrize("most", [1, 2, 100])
def test_json_numbers_in_string_columns(tmp_path, monkeypatch, most):
    """Tests that the result does not depend on other rows in the batch."""
    monkeypatch.setattr(json_lines, "MOST_ROWS", most)
    values = [1.0, 2, "a", True, None, 1.5, 10**20, 1e300]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"x": value, "o": {"y": [value, value]}}) for value in values))
    texts = [value if value is None or value == "a" else json.dumps(value) for value in values]
    schema = Schema({"x": Feature("string", optional=True), "o/y": Feature("string", (2,))})
    rows, _, _ = read(open_source(path), schema)
    assert [row["x"] for row in rows] == texts
    assert [row["o/y"] for row in rows] == [[text, text] for text in texts]
