"""Conversion on Apache Beam, compared with threads."""

import wave

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tensorsmith.records import Column, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, RejectedError, Schema, convert, open_source

pytest.importorskip("apache_beam", reason="Apache Beam is installed by `make test-slow`")
from tensorsmith.tfrecord import beam as beam_module
from tensorsmith.tfrecord.beam import Beam, unknown_options

pytestmark = pytest.mark.slow

SHAPING = {"name": "n", "shards": 3, "seed": 1, "split": {"train": 0.75, "test": 0.25}}
PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    monkeypatch.setattr(beam_module, "RUN", 100)


@pytest.fixture
def tables(tmp_path):
    """Four files of 25 rows, at least two runs."""
    for number in range(4):
        lines = [f"{25 * number + row},text {row}\n" for row in range(25)]
        (tmp_path / f"{number}.csv").write_text("id,text\n" + "".join(lines))
    return tmp_path / "*.csv"


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_output_matches_threads(tables, tmp_path, compression):
    shaping = {**SHAPING, "compression": compression}
    convert(open_source(tables), tmp_path / "threads", **shaping)
    done = convert(open_source(tables), tmp_path / "beam", **shaping, engine=Beam())
    assert (done.rows, done.records, done.rejects) == (100, 100, 0)
    assert content(tmp_path / "beam") == content(tmp_path / "threads")


def test_output_of_processes_matches_threads(tables, tmp_path):
    convert(open_source(tables), tmp_path / "threads", **SHAPING)
    convert(open_source(tables), tmp_path / "beam", **SHAPING, engine=Beam("DirectRunner", PROCESSES))
    assert content(tmp_path / "beam") == content(tmp_path / "threads")


def test_rejected_rows(tables, tmp_path):
    with (tmp_path / "1.csv").open("a") as file:
        file.write("x,text\n")
    schema = Schema({"id": Feature("int64"), "text": Feature("string")})
    with pytest.raises(RejectedError, match=r"1\.csv, line 27 \(row 26\), column id: expected int64, got 'x'"):
        convert(open_source(tables), tmp_path / "out", name="n", schema=schema, engine=Beam())
    rejects = {engine: tmp_path / f"{engine} rejects" for engine in ("threads", "beam")}
    for name, engine in (("threads", None), ("beam", Beam())):
        done = convert(
            open_source(tables), tmp_path / name, **SHAPING, schema=schema, rejects=rejects[name], engine=engine
        )
        assert (done.rows, done.records, done.rejects) == (101, 100, 1)
    assert content(tmp_path / "beam") == content(tmp_path / "threads")
    assert rejects["beam"].read_text() == rejects["threads"].read_text() != ""


def test_resume_after_error(tables, tmp_path):
    schema = Schema({"id": Feature("int64"), "text": Feature("string")})
    sound = (tmp_path / "2.csv").read_bytes()
    (tmp_path / "2.csv").write_bytes(sound.replace(b"text 3", b"text \xff"))
    with pytest.raises(OSError, match=r"2\.csv.*utf-8"):
        convert(open_source(tables), tmp_path / "out", **SHAPING, schema=schema, engine=Beam())
    work = tmp_path / "out/.convert"
    written = {path: path.stat().st_mtime_ns for path in work.glob("000000*")}
    assert written
    assert not list(work.glob(".tensorsmith-*"))
    (tmp_path / "2.csv").write_bytes(sound)
    with raises_argument_error("resume", expected="used with the same arguments as the interrupted run"):
        convert(open_source(tables), tmp_path / "out", **SHAPING, schema=schema, engine=Beam(), resume=True)
    with raises_argument_error("resume", expected="used with the same arguments as the interrupted run"):
        convert(open_source(tables), tmp_path / "out", **SHAPING, schema=schema, resume=True)


def test_resume_skips_encoded_files(tables, tmp_path, monkeypatch):
    """Runs that were already encoded are not encoded again."""
    convert(open_source(tables), tmp_path / "whole", **SHAPING, engine=Beam())

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(beam_module, "rearrange", full)
        with pytest.raises(OSError, match="No space left"):
            convert(open_source(tables), tmp_path / "out", **SHAPING, engine=Beam())
    (tmp_path / "out/.user.error").write_text("of another program")
    monkeypatch.setattr(beam_module, "write_chunk", full)
    convert(open_source(tables), tmp_path / "out", **SHAPING, engine=Beam(), resume=True)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert (tmp_path / "out/.user.error").exists()


def test_unknown_options():
    assert unknown_options(["--direct_num_workers=2", "--compresion", "gzip", "--other=3"]) == {"compresion", "other"}


def test_unknown_runner():
    with raises_argument_error("runner", received="'NoRunner'", expected="an Apache Beam runner (Unexpected pipeline"):
        Beam("NoRunner")


def _parquet(path, first):
    pq.write_table(pa.table({"x": np.arange(first, first + 10)}), path)


def _json(path, first):
    path.write_text("".join(f'{{"x": {number}}}\n' for number in range(first, first + 10)))


def _text(path, first):
    path.write_text("".join(f"line {number}\n" for number in range(first, first + 10)))


def _tfrecord(path, first):
    with path.open("wb") as file:
        write(file, {"x": Column.of(np.arange(first, first + 10))})


def _png(path, first):
    Image.fromarray(np.full((4, 4), first, "uint8")).save(path)


def _wav(path, first):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        file.writeframes(np.full(20, first, "int16").tobytes())


@pytest.mark.parametrize(
    ("ending", "write_file"),
    [
        ("parquet", _parquet),
        ("jsonl", _json),
        ("txt", _text),
        ("tfrecord", _tfrecord),
        ("png", _png),
        ("wav", _wav),
    ],
)
def test_rows_of_source_parts(tmp_path, ending, write_file):
    for number in range(3):
        folder = tmp_path / ("b" if number else "a")  # for images and sounds, their class
        folder.mkdir(exist_ok=True)
        write_file(folder / f"{number}.{ending}", 10 * number)
    path = tmp_path if ending in ("png", "wav") else tmp_path / f"*/*.{ending}"
    source = open_source(path)
    assert source.by_file
    schema = source.infer()
    whole = list(source.batches(schema))
    parts = [batch for begin in range(3) for batch in source.part(begin, begin + 1).batches(schema)]
    rows = [pa.Table.from_batches([batch.rows for batch in batches]).to_pylist() for batches in (whole, parts)]
    assert rows[0] == rows[1] != []
    numbers = [[(batch.file, n) for batch in batches for n in np.asarray(batch.numbers)] for batches in (whole, parts)]
    assert numbers[0] == numbers[1]


def test_joined_files_are_not_distributed(tmp_path):
    for name in ("x", "y"):
        np.save(tmp_path / f"{name}.npy", np.arange(100))
    convert(open_source(tmp_path / "*.npy"), tmp_path / "threads", **SHAPING)
    convert(open_source(tmp_path / "*.npy"), tmp_path / "beam", **SHAPING, engine=Beam())
    assert content(tmp_path / "beam") == content(tmp_path / "threads")
