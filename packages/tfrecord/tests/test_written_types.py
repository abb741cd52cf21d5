"""Schemas that reshard, shuffle and split copy, and the types of columns of Parquet files."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorsmith.records import Column, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, convert, open_source, reshard, shuffle, split, to_parquet

CALLS = {
    "reshard": reshard,
    "shuffle": shuffle,
    "split": lambda files, folder, **options: split(files, folder, {"a": 0.5, "b": 0.5}, **options),
}


def converted(folder, name="n", text="x,y\n1,true\n2,false\n"):
    (folder.parent / f"{name}.csv").write_text(text)
    return convert(open_source(folder.parent / f"{name}.csv"), folder, name=name).splits["train"].paths


@pytest.mark.parametrize("name", CALLS)
def test_schema_is_copied(tmp_path, name):
    files = converted(tmp_path / "in")
    commented = "# edited by hand\n" + (tmp_path / "in/schema.yaml").read_text()
    (tmp_path / "in/schema.yaml").write_text(commented)
    CALLS[name](files, tmp_path / "out", name="m")
    assert (tmp_path / "out/schema.yaml").read_text() == commented


def test_schemas_that_are_not_copied(tmp_path):
    """Tests files of several folders, a schema that exists already, and a file of another program."""
    files = converted(tmp_path / "in")
    reshard(files + converted(tmp_path / "other", "o"), tmp_path / "several", name="m")
    assert not (tmp_path / "several/schema.yaml").exists()
    (tmp_path / "own").mkdir()
    (tmp_path / "own/schema.yaml").write_text("mine")
    reshard(files, tmp_path / "own", name="m")
    assert (tmp_path / "own/schema.yaml").read_text() == "mine"
    reshard(list((tmp_path / "own").glob("m.tfrecord-*[0-9]")), tmp_path / "again", name="m")
    assert not (tmp_path / "again/schema.yaml").exists()


def test_booleans_and_dates_in_parquet(tmp_path):
    rows = [
        ("yes", "2024-02-29", "2024-02-29 23:59:59", "1969-12-31 23:59:59.25", "7:05", "31.12.1999", "1"),
        ("no", "1969-12-31", "1969-12-31 00:00:01", "2024-02-29 12:00:00.75", "23:59", "01.02.2003", "2"),
        ("", "", "", "", "", "", "3"),
    ]
    text = "yes,date,when,exact,clock,german,number\n" + "".join(",".join(row) + "\n" for row in rows)
    files = converted(tmp_path / "in", text=text)
    to_parquet(files, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    day, moment = datetime.date, datetime.datetime
    assert table.to_pydict() == {
        "yes": [True, False, None],
        "date": [day(2024, 2, 29), day(1969, 12, 31), None],
        "when": [moment(2024, 2, 29, 23, 59, 59), moment(1969, 12, 31, 0, 0, 1), None],
        "exact": [moment(1969, 12, 31, 23, 59, 59, 250_000), moment(2024, 2, 29, 12, 0, 0, 750_000), None],
        "clock": [datetime.time(7, 5), datetime.time(23, 59), None],
        "german": [day(1999, 12, 31), day(2003, 2, 1), None],
        "number": [1, 2, 3],
    }
    assert table.schema.field("number").type == pa.int64()


def test_numbers_that_do_not_match_the_schema(tmp_path):
    with (tmp_path / "x.tfrecord").open("wb") as file:
        write(file, {"day": Column.of([1, 2**40])})
    Schema({"day": Feature("int64", format="date")}).save(tmp_path / "schema.yaml")
    with raises_argument_error("day", received="numbers out of range", remedy="remove schema.yaml"):
        to_parquet([tmp_path / "x.tfrecord"], tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()
