"""CSV files as sources, compared with the csv module of the standard library."""

import csv
import gzip
import io

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tensorsmith.core import ArgumentError
from tensorsmith.tfrecord import Feature, Schema, UnreadableError, open_source
from tensorsmith.tfrecord.sources import csv_files


def read(source, schema=None):
    """Returns all rows as (line, row), and all rejects."""
    batches = list(source.batches(schema or source.infer()))
    rows = [pair for batch in batches for pair in zip(batch.lines.tolist(), batch.rows.to_pylist(), strict=True)]
    rejects = [reject for batch in batches for reject in batch.rejects]
    numbers = [number for batch in batches for number in batch.numbers.tolist()]
    positions = [*zip([line for line, _ in rows], numbers, strict=True), *((one.line, one.row) for one in rejects)]
    if len(source.files) == 1:  # rows and rejects are numbered together, in the order of their lines
        assert [row for _, row in sorted(positions)] == list(range(1, len(positions) + 1))
    return rows, rejects


def expected(text):
    """Returns the non-blank rows read by the csv module, by the line in which they begin."""
    reader = csv.reader(io.StringIO(text, newline=""))
    names, rows, rejects, line = next(reader), [], [], reader.line_num + 1
    for row in reader:
        if len(row) == len(names):
            rows.append((line, [cell or None for cell in row]))
        elif row:
            rejects.append(line)
        line = reader.line_num + 1
    return names, rows, rejects


CELLS = st.text(st.sampled_from('ab,"\n 1é'), max_size=4)
LINES = st.lists(st.lists(CELLS, min_size=2, max_size=4) | st.just([]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(LINES, st.integers(1, 3))
@example([[], ["", "", ""], [], ["a\n\nb", "c", "d"], ["e"], []], 1)
@example([["a", "b"], [], ["c", "d", "e"], ["f", "g", "h", "i"]], 2)
def test_matches_csv_module(tmp_path_factory, lines, quoting):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL if quoting == 1 else csv.QUOTE_MINIMAL)
    writer.writerows([["x", "y\nz", "w"], *lines])
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    names, rows, rejects = expected(file.getvalue())
    found, refused = read(open_source(path, row_names=False))
    assert [(line, [cell or None for cell in row.values()]) for line, row in found] == rows
    assert [reject.line for reject in refused] == rejects
    assert all(list(row) == names for _, row in found)


def test_lines_and_rejects_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 256)
    lines = [[str(i), "a\nb" * (i % 3), "c"][: 3 - (i % 7 == 0)] for i in range(400)]
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows([["x", "y", "z"], *lines])
    path = tmp_path / "a.csv"
    path.write_text(file.getvalue(), newline="")
    _, rows, rejects = expected(file.getvalue())
    source = open_source(path)
    batches = list(source.batches(source.infer()))
    assert len(batches) > 10
    assert max(batch.rows.nbytes for batch in batches) < 2000
    found, refused = read(source)
    assert [line for line, _ in found] == [line for line, _ in rows]
    assert [reject.line for reject in refused] == rejects
    assert len(found) + len(refused) == len(lines)
    assert read(source) == (found, refused)


def test_reject_message(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3\n4,5,6\n")
    _, (short, long) = read(open_source(path))
    assert str(short) == f"{path}, line 3 (row 2): expected 2 fields, got 1: '3'"
    assert str(long) == f"{path}, line 4 (row 3): expected 2 fields, got 3: '4,5,6'"


def test_types(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("i,f,b,s,zip,gap,empty\n1,0.5,true,a,01234,,\n-2,1e3,False,7,99999,2,\n")
    features = open_source(path).infer().features
    assert {name: feature.dtype for name, feature in features.items()} == {
        "i": "int64", "f": "float32", "b": "bool", "s": "string", "zip": "string", "gap": "int64", "empty": "string",
    }  # fmt: skip
    assert [name for name, feature in features.items() if feature.optional] == ["gap", "empty"]


def test_quoted_empty_string(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('x,y\n"",1\n,2\n')
    rows, _ = read(open_source(path))
    assert [row["x"] for _, row in rows] == ["", None]


@pytest.mark.parametrize(("name", "mark"), [("a.tsv", "\t"), ("a.csv", ";"), ("a.csv", "|"), ("a.csv", ",")])
def test_delimiters(tmp_path, name, mark):
    path = tmp_path / name
    path.write_text(f"x{mark}y\n1{mark}2\n")
    assert read(open_source(path))[0] == [(2, {"x": "1", "y": "2"})]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig", "cp1252"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("x,y\n1,é\n".encode(encoding))
    source = open_source(path, encoding=encoding) if encoding != "utf-8-sig" else open_source(path)
    assert read(source)[0] == [(2, {"x": "1", "y": "é"})]


def test_gzip(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"x\n1\n"))
    assert read(open_source(path))[0] == [(2, {"x": "1"})]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UnreadableError, match=r"a\.csv\.gz: .*ended before"):
        open_source(path).infer()


def test_columns_of_several_files(tmp_path):
    (tmp_path / "b.csv").write_text("y,x\n3,4\n")
    (tmp_path / "a.csv").write_text("x\n1\n")
    source = open_source(tmp_path / "*.csv")
    schema = source.infer()
    assert schema.features == {"x": Feature("int64"), "y": Feature("int64", optional=True, default="nan")}
    assert read(source)[0] == [(2, {"x": "1", "y": None}), (2, {"x": "4", "y": "3"})]
    assert [batch.file for batch in source.batches(schema) if len(batch.rows)] == [str(path) for path in source.files]


def test_schema_selects_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n")
    schema = Schema({"y": Feature("float32"), "z": Feature("int64", optional=True)})
    assert read(open_source(path), schema)[0] == [(2, {"y": "2", "z": None})]
    with pytest.raises(ArgumentError, match="contain only the columns x, y.*got 'xx'"):
        read(open_source(path), Schema({"xx": Feature("int64")}))


UNREADABLE = {
    "nothing": (b"", "the first line must hold the column names, but is empty"),
    "two names": (b"x,x\n1,2\n", "duplicate column `x`; if the first line is a row, read the file without"),
    "not UTF-8": (b"x,y\n1,2\n3,\xe9\n", r"line 3 contains the bytes b'\\xe9', which are invalid in utf-8"),
    "not UTF-8 in a row of another length": (
        b"x,y\n" + b"1,2\n" * 9000 + b"3\xe9\n4,5\n",
        r"line 9,002 contains the bytes",
    ),
    "names that are not UTF-8": (b"x,\xe9\n1,2\n", "line 1 contains the bytes"),
    "an open quote": (b'x,y\n1,2\n3,"4\n5,6\n', "a quote is not closed, in the row that begins in line 3"),
    "an open quote in a row of another length": (b'x,y\n1,2\n"4\n5,6\n', "a quote is not closed"),
    "an open quote with much behind it": (b'x,y\n1,2\n3,"' + b"4,5\n" * 50_000, "a quote is not closed"),
    "an open quote, escaped at the end": (b'x,y\n3,"4""\n', "a quote is not closed"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable(tmp_path, name):
    content, problem = UNREADABLE[name]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=problem) as caught:
        open_source(path).infer()
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("position", [0, 7, 900, 999])
def test_rows_larger_than_a_block(tmp_path, monkeypatch, position):
    monkeypatch.setattr(csv_files, "BLOCK", 1 << 10)
    path = tmp_path / "a.csv"
    cells = [f'"{number}\n"' for number in range(1000)]
    cells[position] = '"' + "large\n" * 2000 + '"'
    lines = [f"{number},{cell}\n" + "1,2,3\n" * (number % 100 == 7) for number, cell in enumerate(cells)]
    path.write_text("x,y\n" + "".join(lines))
    rows, rejects = read(open_source(path))
    starts = np.cumsum([2, *(line.count("\n") for line in lines[:-1])]).tolist()
    texts = [cell.strip('"') for cell in cells]
    assert rows == [(start, {"x": str(number), "y": texts[number]}) for number, start in enumerate(starts)]
    assert [reject.line for reject in rejects] == [starts[number + 1] - 1 for number in range(7, 1000, 100)]


def test_row_size_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 1 << 10)
    monkeypatch.setattr(csv_files, "LARGEST", 2 << 10)
    path = tmp_path / "a.csv"
    path.write_text('x,y\n1,2\n3,"' + "4\n" * 20_000)
    with pytest.raises(UnreadableError, match="is a quote not closed"):
        open_source(path).infer()


def test_quotes_within_a_cell(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('x,y\n1,5" pipe\n')
    assert read(open_source(path))[0] == [(2, {"x": "1", "y": '5" pipe'})]


def test_unknown_encoding(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(ArgumentError, match="Did you mean latin-1"):
        open_source(tmp_path / "a.csv", encoding="latin1x")


def test_header_alone(tmp_path):
    (tmp_path / "a.csv").write_text("x,\n")
    source = open_source(tmp_path / "a.csv")
    assert list(source.infer().features) == ["x", "column_2"]
    assert read(source) == ([], [])
    assert pc.sum([len(batch.rows) for batch in source.batches(source.infer())]).as_py() == 0


def test_carriage_returns_end_lines(tmp_path):
    """Tests files of classic Mac OS; a row with only delimiters is a row, an empty line is not."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'x,y\r1,2\r,\r\r"3\r3",4\r5\r6,7\r')
    rows, (reject,) = read(open_source(path))
    assert rows == [
        (2, {"x": "1", "y": "2"}),
        (3, {"x": None, "y": None}),
        (5, {"x": "3\r3", "y": "4"}),
        (8, {"x": "6", "y": "7"}),
    ]
    assert (reject.line, reject.row) == (7, 4)
    path.write_bytes(b'x,y\r1,"2\r3,4\r')
    with pytest.raises(UnreadableError, match="a quote is not closed, in the row that begins in line 2"):
        open_source(path).infer()
