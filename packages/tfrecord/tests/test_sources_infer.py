"""Detection of the kind of a source, and schemas for review."""

import sqlite3
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import yaml
from PIL import Image
from pyarrow import parquet

from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, Source, convert, infer, open_source, review
from tensorsmith.tfrecord.sources import csv_files


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    lines = [f"{i},{'abc'[i % 3]},{i / 7!r},{'' if i % 2 else 'x'}" for i in range(100)]
    path.write_text("\n".join(["n,class,third,gap", *lines, "1,2", "", *["3"] * 5]))
    return path


def test_review(people):
    text = review(open_source(people))
    schema = Schema.from_yaml(text)
    assert schema == infer(people)
    assert schema.features["class"] == Feature("string")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments == [
        f"# 100 rows of {people}",
        "# 6 rows could not be read:",
        f"#   {people}, line 102 (row 101): expected 4 fields, got 2: '1,2'",
        f"#   {people}, line 104 (row 102): expected 4 fields, got 1: '3'",
        f"#   {people}, line 105 (row 103): expected 4 fields, got 1: '3'",
        "#   ...",
        "# gap: missing in 50 rows; read as ''",
        '# class: 3 distinct strings; as classes {dtype: int64, labels: ["a", "b", "c"]}',
        "# float64 is stored as bytes; float32 is smaller if 7 digits suffice: third",
    ]
    feature = yaml.safe_load(comments[7].partition("as classes ")[2])
    assert Feature(feature["dtype"], labels=tuple(feature["labels"])).labels == ("a", "b", "c")


def test_review_quotes_yaml_strings(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"x: #",no\n' + '"a\nb",\n"c",\n' * 20)
    text = review(open_source(path))
    assert '# x: #: 2 distinct strings; as classes {dtype: int64, labels: ["a\\nb", "c"]}\n' in text
    assert Schema.from_yaml(text) == infer(path)
    assert list(infer(path).features) == ["x: #", "no"]


def test_review_callback(people):
    seen = []
    review(open_source(people), lambda batch: seen.append(len(batch.rows) + len(batch.rejects)))
    assert sum(seen) == 106


def test_several_paths(people, tmp_path):
    other = tmp_path / "b.tsv"
    other.write_text("n\n1\n")
    text = review(open_source([people, other]))
    assert f"# 101 rows of 2 files, {people} to {other}" in text
    assert Schema.from_yaml(text).features["third"].optional


CONTENTS = {
    "csv": b"x,y\n1,2\n",
    "jsonl": b'{"x": 1}\n',
    "json": b'{"x": 1}\n',
    "txt": b"text\n",
}


@pytest.mark.parametrize("ending", CONTENTS)
def test_row_counts(tmp_path, ending):
    (tmp_path / f"a.{ending}").write_bytes(CONTENTS[ending] * 3)
    source: Source = open_source(tmp_path)
    assert sum(len(batch.rows) + len(batch.rejects) for batch in source.batches(source.infer())) in (3, 5)


def test_unknown_file_format(tmp_path):
    (tmp_path / "a.foo").write_text("text")
    with raises_argument_error("source", received="a.foo", expected="a set of files in one of these formats: CSV"):
        open_source(tmp_path)


def test_mixed_file_formats(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.txt").write_text("text")
    (tmp_path / "_SUCCESS").write_text("")
    with raises_argument_error("source", expected="a set of files in one of these formats: CSV (.csv, .tsv); Parquet"):
        open_source(tmp_path)
    assert open_source(tmp_path / "*.csv").files == [tmp_path / "a.csv"]


def test_auxiliary_files_are_ignored(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    for name in ("LICENSE", "README.txt", "a.json"):
        (tmp_path / name).write_text("{}")
    assert open_source(tmp_path).files == [tmp_path / "a.png"]


def test_thumbnail_databases_are_ignored(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with sqlite3.connect(tmp_path / "Thumbs.db") as base:
        base.execute("CREATE TABLE t (x INTEGER)")
    base.close()
    assert open_source(tmp_path).files == [tmp_path / "a.png"]


def test_unsupported_values(tmp_path):
    lines = ['{"a": [[1, 2], [3]], "b": [1, null], "c": [[1], [2]]}', '{"a": [[1]], "b": [], "c": []}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    comments = [line for line in review(open_source(tmp_path / "a.jsonl")).splitlines() if "convert rejects" in line]
    assert comments == [
        "# a: some lists contain lists of different lengths; convert rejects such rows",
        "# b: some lists contain missing values; convert rejects such rows",
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_uint64_and_float_limits(tmp_path, name):
    rows = {"a.csv": "u,f\n18446744073709551615,1e400\n1,1\n"}
    lines = '{"u": 18446744073709551615, "f": "1e400"}\n{"u": 1, "f": "1"}\n'
    (tmp_path / name).write_text(rows.get(name, lines))
    assert infer(tmp_path / name).features == {"u": Feature("uint64"), "f": Feature("string")}


def test_format_is_detected_by_content(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "image", "PNG")
    np.save(tmp_path / "array.txt", np.arange(3))
    (tmp_path / "array.txt.npy").rename(tmp_path / "array.txt")
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "table.csv")
    kinds = {name: list(infer(tmp_path / name).features) for name in ("image", "array.txt", "table.csv")}
    assert kinds == {"image": ["image"], "array.txt": ["array"], "table.csv": ["x"]}


def test_infer_converted_folder(tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("x,y\n1,a\n2,b\n")
    convert(open_source(source), tmp_path / "out", name="a")
    assert infer(tmp_path / "out").features == infer(source).features


def test_missing_files(tmp_path):
    for path, problem in (("a.csv", "no such file"), ("*.csv", "no such file"), ("", "the folder is empty")):
        with pytest.raises(FileNotFoundError, match=problem):
            open_source(tmp_path / path)


def test_options_of_other_formats(people):
    with raises_argument_error("table", received="'t'", expected="kind csv (options: encoding, delimiter, "):
        open_source(people, table="t")
    assert open_source(people, encoding=None).infer() == open_source(people).infer()


def test_without_tensorflow(people):
    code = f"import sys; from tensorsmith.tfrecord import infer; infer({str(people)!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert {"tensorflow", "keras"}.isdisjoint(done.stdout.split())


def test_batch_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 1 << 14)
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "1,some text\n" * 50_000)
    source = open_source(path)
    assert max(batch.rows.nbytes for batch in source.batches(source.infer())) < 1 << 16
