"""Conversion to TFRecord files: completeness, independence of threads, resumption after a kill, interoperability."""

import filecmp
import itertools
import json
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tensorsmith.core import ArgumentError
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Batch, Feature, Reject, RejectedError, Schema, convert, open_source
from tensorsmith.tfrecord import _convert as convert_module
from tensorsmith.tfrecord.conversion import chunks as chunks_module
from tensorsmith.tfrecord.conversion import engine as engine_module

SCHEMA = Schema({"id": Feature("int64"), "text": Feature("string")})


class Numbers:
    """Source of the numbers from 0, in batches of 100; the rows in `bad` do not fit the schema."""

    def __init__(self, path, count=1000, bad=()):
        path.touch()
        self.files, self.options, self.count, self.bad = [path], {}, count, set(bad)

    def infer(self):
        return SCHEMA

    def batches(self, schema):
        for first in range(0, self.count, 100):
            numbers = range(first, min(first + 100, self.count))
            ids = ["x" if number in self.bad else str(number) for number in numbers]
            texts = [f"row {number}" * (number % 5) for number in numbers]
            rows = pa.RecordBatch.from_pydict({"id": ids, "text": texts})
            yield Batch(rows, "numbers", np.array(numbers))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(chunks_module, "CHUNK", 5000)


@pytest.fixture
def source(tmp_path):
    return Numbers(tmp_path / "source")


def ids(paths):
    feature = {"id": tf.io.FixedLenFeature([], tf.int64)}
    dataset = tf.data.TFRecordDataset([str(path) for path in paths]).batch(100)
    return [int(x) for batch in dataset.map(lambda x: tf.io.parse_example(x, feature)) for x in batch["id"]]


def test_shuffle(source, tmp_path):
    """Tests the arguments of the options `--shuffle` and `--seed`."""
    numbers = itertools.count()

    def order(**options):
        return ids(convert(source, tmp_path / f"{next(numbers)}", name="n", **options).splits["train"].paths)

    assert order() == order(shuffle=False) == list(range(1000))
    assert order(shuffle=True) == order(shuffle=True, seed=0) == order(seed=0)
    assert order(shuffle=True, seed=3) == order(seed=3) != order(shuffle=True)
    assert sorted(order(seed=4)) == list(range(1000))
    with raises_argument_error("seed", expected="None if `shuffle` is False"):
        order(shuffle=False, seed=5)
    with raises_argument_error("shuffle", expected="True, False or None"):
        order(shuffle=7)


def same(one, other):
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    shown = [name for name in names if name[0] != "."]  # the hidden metadata file contains the path of the folder
    assert all(filecmp.cmp(one / name, other / name, shallow=False) for name in shown)


def test_rows_are_in_order(source, tmp_path):
    done = convert(source, tmp_path / "out", name="n", shards=3)
    assert (done.rows, done.records, done.rejects) == (1000, 1000, 0)
    paths = sorted((tmp_path / "out").glob("n-train.tfrecord-0000?-of-00003"))
    assert paths == done.splits["train"].paths
    assert ids(paths) == list(range(1000))
    assert not (tmp_path / "out/.convert").exists()
    assert Schema.load(tmp_path / "out/schema.yaml") == SCHEMA


def test_shard_sizes(source, tmp_path):
    done = convert(source, tmp_path / "out", name="n", shard_size=20_000)
    sizes = [path.stat().st_size for path in done.splits["train"].paths]
    assert len(sizes) == -(-sum(sizes) // 20_000) > 2
    assert max(sizes) < 21_000


def test_output_is_independent_of_workers(source, tmp_path):
    options = {"name": "n", "shards": 2, "split": {"train": 0.8, "test": 0.2}, "seed": 7, "compression": "gzip"}
    for workers in (1, 2, 5):
        convert(source, tmp_path / f"{workers}", workers=workers, **options)
    same(tmp_path / "1", tmp_path / "2")
    same(tmp_path / "1", tmp_path / "5")


def test_splits_contain_each_row_once(source, tmp_path):
    done = convert(source, tmp_path / "out", name="n", split={"train": 0.75, "test": 0.25}, seed=1)
    train, test = ids(done.splits["train"].paths), ids(done.splits["test"].paths)
    assert (len(train), len(test)) == (750, 250)
    assert sorted(train + test) == list(range(1000))
    assert np.abs(np.diff(train)).mean() > 200  # a third of 1000, in expectation


def test_invalid_rows_raise(tmp_path):
    source = Numbers(tmp_path / "source", bad=[250, 777])
    with pytest.raises(RejectedError, match="numbers, row 250, column id: expected int64, got 'x'"):
        convert(source, tmp_path / "out", name="n")
    assert list((tmp_path / "out").iterdir()) == []


def test_invalid_rows_are_collected(tmp_path):
    source = Numbers(tmp_path / "source", bad=[250, 777])
    done = convert(source, tmp_path / "out", name="n", rejects=tmp_path / "rejects", workers=3)
    assert (done.rows, done.records, done.rejects) == (1000, 998, 2)
    assert ids(done.splits["train"].paths) == [number for number in range(1000) if number not in (250, 777)]
    lines = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    assert [(line["row"], line["column"]) for line in lines] == [(250, "id"), (777, "id")]


def test_unreadable_rows_are_counted(tmp_path):
    class Broken(Numbers):
        def batches(self, schema):
            rejects = [Reject("numbers", 5, "", "too few fields")]
            yield Batch(pa.RecordBatch.from_pydict({"id": [1], "text": ["a"]}), "numbers", np.array([1]), rejects)

    done = convert(Broken(tmp_path / "source"), tmp_path / "out", name="n", rejects=tmp_path / "rejects")
    assert (done.rows, done.records, done.rejects) == (2, 1, 1)
    assert "too few fields" in (tmp_path / "rejects").read_text()


def test_no_readable_rows(tmp_path):
    """Tests that a source without a readable row is converted and its rejects are reported."""
    (tmp_path / "a.jsonl").write_text("hello\n[1]\n")
    source = open_source(tmp_path / "a.jsonl")
    with pytest.raises(RejectedError, match=r"a\.jsonl, line 1 \(row 1\): invalid JSON"):
        convert(source, tmp_path / "out", name="n")
    done = convert(source, tmp_path / "out", name="n", rejects=tmp_path / "rejects")
    assert (done.rows, done.records, done.rejects) == (2, 0, 2)
    assert Schema.load(tmp_path / "out/schema.yaml") == Schema({})


def test_rows_without_features(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}\n")
    with raises_argument_error("schema", expected="have at least one feature"):
        convert(open_source(tmp_path / "a.jsonl"), tmp_path / "out", name="n")


def test_rejects_do_not_overwrite_source(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\nb\n")
    with raises_argument_error("rejects", expected="differ from the input file"):
        convert(open_source(path), tmp_path / "out", name="n", rejects=tmp_path / "." / "a.csv")
    assert path.read_text() == "x\n1\nb\n"


def test_many_columns(monkeypatch, tmp_path):
    """Tests that suggestions for a missing column are only computed if a column is missing."""
    monkeypatch.setattr("tensorsmith.tfrecord.sources.table.did_you_mean", None)
    (tmp_path / "a.csv").write_text(",".join(f"x{i}" for i in range(99)) + "\n" + ",".join("1" * 99) + "\n")
    assert convert(open_source(tmp_path / "a.csv"), tmp_path / "out", name="n").records == 1


def test_empty_source(tmp_path):
    done = convert(Numbers(tmp_path / "source", count=0), tmp_path / "out", name="n")
    assert (done.rows, done.records) == (0, 0)
    assert ids(done.splits["train"].paths) == []


def interrupt(source, folder, chunks):
    """Runs a conversion that stops abruptly after some chunks, without any cleanup."""

    class StopError(BaseException):
        pass

    original, count = engine_module.write_chunk, itertools.count()

    def write(*arguments):
        if next(count) >= chunks:
            raise StopError
        return original(*arguments)

    engine_module.write_chunk = write
    try:
        with pytest.raises(StopError):
            convert(source, folder, name="n", shards=3, seed=2)
    finally:
        engine_module.write_chunk = original


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_resumed(source, tmp_path, chunks):
    convert(source, tmp_path / "whole", name="n", shards=3, seed=2)
    interrupt(source, tmp_path / "out", chunks)
    left = sorted((tmp_path / "out/.convert").glob("*.tfrecord"))
    assert len(left) == chunks
    stamps = [path.stat().st_mtime_ns for path in left]
    interrupt(source, tmp_path / "other", chunks)
    with pytest.raises(ArgumentError, match="interrupted conversion.*--resume"):
        convert(source, tmp_path / "out", name="n", shards=3, seed=2)
    with raises_argument_error("resume", expected="used with the same arguments as the interrupted run"):
        convert(source, tmp_path / "out", name="n", shards=3, seed=3, resume=True)
    assert [path.stat().st_mtime_ns for path in left] == stamps
    convert(source, tmp_path / "out", name="n", shards=3, seed=2, resume=True)
    same(tmp_path / "out", tmp_path / "whole")


def test_resume_of_complete_conversion(source, tmp_path):
    done = convert(source, tmp_path / "out", name="n", shards=3, split={"train": 0.9, "test": 0.1})
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    again = {"name": "n", "shards": 3, "split": {"train": 0.9, "test": 0.1}, "resume": True}
    assert convert(source, tmp_path / "out", **again, workers=2) == done
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    for path in (done.splits["test"].paths[0], tmp_path / "out/schema.yaml", tmp_path / "out/.n.convert.json"):
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with raises_argument_error("folder", expected="not contain a data set"):
            convert(source, tmp_path / "out", **again)
        path.write_bytes(content)
    with raises_argument_error("folder", expected="not contain a data set"):
        convert(source, tmp_path / "out", **again, rejects=tmp_path / "rejects")
    assert convert(source, tmp_path / "out", **again) == done


def test_resume_with_changed_source(source, tmp_path):
    interrupt(source, tmp_path / "out", 2)
    source.files[0].write_text("changed")
    with raises_argument_error("resume", expected="used with the same arguments as the interrupted run"):
        convert(source, tmp_path / "out", name="n", shards=3, seed=2, resume=True)


def test_source_changes_during_conversion(tmp_path):
    class Changing(Numbers):
        def batches(self, schema):
            yield from super().batches(schema)
            self.files[0].write_text("changed")

    with pytest.raises(OSError, match=r"The source changed during the conversion; nothing was written\."):
        convert(Changing(tmp_path / "source"), tmp_path / "out", name="n")
    assert list((tmp_path / "out").iterdir()) == []


def test_existing_data_set_is_not_overwritten(source, tmp_path):
    convert(source, tmp_path / "out", name="n")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    for resume in (False, True):
        with raises_argument_error("folder", expected="not contain a data set"):
            convert(source, tmp_path / "out", name="n", shards=2, resume=resume)
    with raises_argument_error("folder", expected="not contain a data set"):
        convert(source, tmp_path / "out", name="other")
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_names_with_glob_characters(source, tmp_path):
    convert(source, tmp_path / "out", name="n[1]")
    with raises_argument_error("folder", expected="not contain a data set"):
        convert(Numbers(tmp_path / "other", count=5), tmp_path / "out", name="n[1]")


def test_resume_with_other_options(source, tmp_path):
    interrupt(source, tmp_path / "out", 2)
    source.options = {"query": "SELECT id FROM other"}
    with raises_argument_error("resume", expected="used with the same arguments as the interrupted run"):
        convert(source, tmp_path / "out", name="n", shards=3, seed=2, resume=True)


@pytest.mark.parametrize("call", [1, 2])
def test_interrupted_removal(source, tmp_path, monkeypatch, call):
    """Tests a conversion that is killed while it removes its intermediate files, and one before it writes the first."""
    renames = itertools.count(1)
    original = Path.rename

    def rename(path, target):
        if ".convert" in (path.name, Path(target).name) and next(renames) == call:
            raise KeyboardInterrupt
        return original(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            convert(source, tmp_path / "out", name="n")
    assert (tmp_path / "out/.convert/arguments.json").exists() == (tmp_path / "out/.convert").exists() == (call == 2)
    done = convert(source, tmp_path / "out", name="n", resume=True)
    assert ids(done.splits["train"].paths) == list(range(1000))
    assert not list((tmp_path / "out").glob(".[!n]*"))


def test_missing_pieces_are_rewritten(source, tmp_path):
    interrupt(source, tmp_path / "out", 3)
    (tmp_path / "out/.convert/000001.tfrecord").unlink()
    done = convert(source, tmp_path / "out", name="n", shards=3, seed=2, resume=True)
    assert sorted(ids(done.splits["train"].paths)) == list(range(1000))


@pytest.mark.parametrize(
    "argument",
    [
        {"name": "a/b"},
        {"name": ""},
        {"name": ".n"},
        {"workers": 0},
        {"shards": 0},
        {"shard_size": 0},
        {"compression": "zip"},
        {"seed": -1},
        {"split": {"all": 1.0}},
        {"rejects": "/nowhere/at/all"},
    ],
)
def test_arguments_are_validated_first(source, tmp_path, argument):
    with pytest.raises(ArgumentError, match=next(iter(argument))):
        convert(source, tmp_path / "out", **({"name": "n"} | argument))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("module", "stage"),
    [(chunks_module, "write"), (convert_module, "reorder"), (convert_module, "write_tfds_metadata")],
)
def test_disk_full(source, tmp_path, monkeypatch, module, stage):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, stage, full)
        with pytest.raises(OSError, match="No space left"):
            convert(source, tmp_path / "out", name="n")
    done = convert(source, tmp_path / "out", name="n", resume=True)
    assert ids(done.splits["train"].paths) == list(range(1000))


KILLED = """
import os, signal, sys
from tensorsmith.tfrecord import convert, open_source
from tensorsmith.tfrecord.conversion import chunks
source, out, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
chunks.CHUNK = 5000
os.fsync = lambda descriptor: None  # slow, and a kill does not lose what the disk does not have yet
changes = 0
def count(event, arguments):
    global changes
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and str(arguments[0]).startswith(out):
        changes += 1
        if changes == last:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
convert(open_source(source), out, name="n", shards=3, seed=2, workers=2, resume=True)
"""


@pytest.mark.slow
def test_resume_after_repeated_kills(tmp_path):
    """Kills the conversion with SIGKILL at random operations on its files, and lets the last process complete it."""
    rows = "".join(f"{number},{'row' * (number % 5)}\n" for number in range(1000))
    (tmp_path / "rows.csv").write_text("id,text\n" + rows)
    convert(open_source(tmp_path / "rows.csv"), tmp_path / "whole", name="n", shards=3, seed=2)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "rows.csv"), str(tmp_path / "out")]
    rng, kills = np.random.default_rng(0), 0
    for _ in range(20):
        result = subprocess.run([*command, str(rng.integers(1, 80))], check=False)
        kills += result.returncode == -signal.SIGKILL
    subprocess.run([*command, "0"], check=True)
    assert kills >= 3
    same(tmp_path / "out", tmp_path / "whole")


MEMORY = """
import re, sys
from pathlib import Path
from tensorsmith.tfrecord import convert
from tensorsmith.tfrecord import open_source
done = convert(open_source(sys.argv[1]), sys.argv[2], name="n", seed=1, workers=2)
print(done.records, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.slow
def test_peak_memory(tmp_path):
    """Tests that the peak memory for 400 MB of short records is below 400 MB."""
    rows = np.random.default_rng(0).integers(10**8, 10**9, (100_000, 10))
    block = "".join(f"{row[0]},{' '.join(map(str, row[1:]))}\n" for row in rows.tolist())
    source, target = tmp_path / "big.csv", tmp_path / "out"
    with source.open("w") as file:
        file.write("number,text\n")
        file.writelines(block for _ in range(42))
    assert source.stat().st_size > 4e8
    command = [sys.executable, "-c", MEMORY, str(source), str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    records, megabytes = map(int, result.stdout.split())
    source.unlink()  # pytest keeps temporary folders
    shutil.rmtree(target)
    assert records == 4_200_000
    assert megabytes < 400


def test_without_tensorflow(tmp_path):
    program = """
        import sys
        from tensorsmith.tfrecord import convert
        from tensorsmith.tfrecord import infer
        from tensorsmith.tfrecord import open_source
        infer(sys.argv[1])
        convert(open_source(sys.argv[1]), sys.argv[2], name="n")
        assert "tensorflow" not in sys.modules
    """
    (tmp_path / "x.csv").write_text("a,b\n1,x\n")
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "x.csv"), str(tmp_path / "out")]
    subprocess.run(command, check=True)
