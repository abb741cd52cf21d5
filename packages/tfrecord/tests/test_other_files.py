"""Files that tensorsmith did not create, or that another process is writing: no function removes or overwrites them."""

import os
import re
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import (
    Feature,
    Schema,
    convert,
    open_source,
    repair,
    reshard,
    rows,
    shuffle,
    split,
    to_parquet,
    write_index,
)
from tensorsmith.tfrecord import _repair as repair_module


def data(path, numbers):
    with path.open("wb") as file:
        write(file, {"x": Column.of(np.asarray(numbers, "int64"))})
    return path


@pytest.fixture
def file(tmp_path):
    return data(tmp_path / "in.tfrecord", range(1000))


def state(folder):
    """Type and content of all files in a folder, without following links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = content
    return found


REARRANGE = {
    "reshard": lambda file, folder, **options: reshard([file], folder, shards=3, name="n", **options),
    "shuffle": lambda file, folder, **options: shuffle([file], folder, shards=3, name="n", **options),
    "split": lambda file, folder, **options: split([file], folder, {"a": 0.5, "b": 0.5}, name="n", **options),
    "convert": lambda file, folder, **options: convert(open_source(file), folder, name="n", **options),
}

# A process that stops in the middle of writing, until its standard input is closed.
HOLDER = """
import sys
from pathlib import Path
from tensorsmith.core import Progress, ProgressTask
from tensorsmith.tfrecord import convert, open_source, repair, reshard, shuffle, split, to_parquet

class Waiting(Progress, ProgressTask):
    waited = False
    def start(self, description, total=None, unit="bytes"):
        return self
    def advance(self, count=1):
        if not self.waited:
            self.waited = True
            print("writing", flush=True)
            sys.stdin.read()

name, file, folder = sys.argv[1:]
options = {"name": "n", "progress": Waiting()}
if name == "convert":
    convert(open_source(file), folder, **options)
elif name == "repair":
    repair(file, Path(folder) / "z", options["progress"].advance)
elif name == "to_parquet":
    calls = []
    def report(count):
        calls.append(count)
        if len(calls) == 2:  # in the second pass, in which the file is written
            options["progress"].advance()
    to_parquet([file], Path(folder) / "z", report)
elif name == "split":
    split([file], folder, {"a": 0.5, "b": 0.5}, **options)
else:
    {"reshard": reshard, "shuffle": shuffle}[name]([file], folder, shards=3, **options)
"""


@pytest.fixture
def writing(tmp_path):
    """Returns a function that starts a process which has begun to write and waits."""
    started = []

    def start(name, file, folder):
        command = [sys.executable, "-c", HOLDER, name, str(file), str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"writing\n", process.stderr.read()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def numbers_in(paths):
    return sorted(value for path in paths for row in rows(path) for value in row["x"])


@pytest.mark.parametrize("first", REARRANGE)
def test_two_processes(tmp_path, file, writing, first):
    """The first process writes all of its records. The second ones are refused, and change nothing."""
    other = data(tmp_path / "other.tfrecord", range(5000, 6000))
    process = writing(first, file, tmp_path / "out")
    before = state(tmp_path / "out")
    for second in REARRANGE.values():
        for resume in (False, True):
            with pytest.raises(BlockingIOError, match=r"/out: another process is writing to this folder\. Wait until "):
                second(other, tmp_path / "out", resume=resume)
    assert state(tmp_path / "out") == before
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    shards = [path for path in (tmp_path / "out").glob("n*.tfrecord-*") if path.suffix != ".index"]
    assert numbers_in(shards) == list(range(1000))
    assert not list((tmp_path / "out").glob(".tensorsmith*"))


@pytest.mark.parametrize("first", ["repair", "to_parquet"])
def test_two_processes_with_one_target(tmp_path, file, writing, first):
    """Without the lock, the data could come from one process and the index from another process."""
    other, out = data(tmp_path / "other.tfrecord", range(500)), tmp_path / "out"
    out.mkdir()
    data(out / "z", range(7))
    process = writing(first, file, out)
    before = state(out)
    calls = (
        lambda: repair(other, out / "z"),
        lambda: to_parquet([other], out / "z"),
        lambda: write_index(out / "z"),
        lambda: reshard([other], out),
    )
    for call in calls:
        with pytest.raises(BlockingIOError, match=r"/out: another process is writing to this folder"):
            call()
        assert {name: state(out)[name] for name in before} == before
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    if first == "repair":
        assert (out / "z").read_bytes() == file.read_bytes()
        assert len(np.load(out / "z.index")) == 1000
    else:
        assert pq.read_table(out / "z").num_rows == 1000
    assert not list(out.glob(".*"))
    write_index(file)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("call", [repair, lambda file, target: to_parquet([file], target)])
def test_missing_folder(tmp_path, file, call):
    with pytest.raises(FileNotFoundError, match=r"/none: no such folder"):
        call(file, tmp_path / "none/z")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("exist", [True, False])
@pytest.mark.parametrize("name", ["schema.yaml", "in.tfrecord.index", "sub/../schema.yaml"])
@pytest.mark.parametrize("call", [repair, lambda file, target: to_parquet([file], target)])
def test_companion_files_of_the_source(tmp_path, file, name, exist, call):
    (tmp_path / "sub").mkdir()
    if exist:
        write_index(file)
        Schema({"x": Feature("int64")}).save(tmp_path / "schema.yaml")
    before = state(tmp_path)
    with raises_argument_error("target", received=name, expected="differ from schema.yaml and the index files"):
        call(file, tmp_path / name)
    assert state(tmp_path) == before


OUTPUTS = ["schema.yaml", "features.json", "dataset_info.json", "x.labels.txt", ".n.convert.json", ".tensorsmith.lock"]
OUTPUTS += ["n-train.tfrecord-00000-of-00001", "n-train.tfrecord-00000-of-00001.index", ".convert", ".convert/x"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_rejects_with_the_name_of_an_output_file(tmp_path, file, name):
    (tmp_path / "out/.convert" if "/" in name else tmp_path / "out").mkdir(parents=True)
    before = state(tmp_path)
    schema = Schema({"x": Feature("int64", labels=("a", "b"))})
    with raises_argument_error("rejects", received=name, expected="differ from the files that the conversion"):
        convert(open_source(file), tmp_path / "out", name="n", schema=schema, rejects=tmp_path / "out" / name)
    assert state(tmp_path) == before


def test_rejects_with_the_name_of_the_folder(tmp_path, file):
    with raises_argument_error("rejects", expected="differ from the files that the conversion"):
        convert(open_source(file), tmp_path / "out", name="n", rejects=tmp_path / "out")
    assert list(tmp_path.iterdir()) == [file]


def test_other_names_of_rejects(tmp_path, file):
    """Files of these names in other folders, and other files in the output folder, are not output files."""
    (tmp_path / "other").mkdir()
    (tmp_path / "a").mkdir()
    for folder, rejects in (("a", "other/n-train.tfrecord-00000"), ("a/b", "a/features.json"), ("c", "c.jsonl")):
        convert(open_source(file), tmp_path / folder, name="n", rejects=tmp_path / rejects)
        assert (tmp_path / rejects).read_bytes() == b""


@pytest.mark.parametrize("name", ["shuffle", "convert"])
def test_lock_of_killed_process(tmp_path, file, writing, name):
    """The lock of a killed process is free, and the files that it left are removed by the next call."""
    process = writing(name, file, tmp_path / "out")
    assert (tmp_path / "out/.tensorsmith.lock").exists()
    process.kill()
    process.wait()
    REARRANGE[name](file, tmp_path / "out", resume=True)
    paths = [path for path in (tmp_path / "out").glob("n*.tfrecord-*") if path.suffix != ".index"]
    assert numbers_in(paths) == list(range(1000))
    assert [path.name for path in (tmp_path / "out").glob(".*")] == [".n.convert.json"] * (name == "convert")


def foreign(folder, name, kind):
    """Creates a file, link or folder of another program."""
    folder.mkdir()
    (folder.parent / "victim").mkdir()
    (folder.parent / "victim/doc.txt").write_text("mine")
    (folder.parent / "victim/arguments.json").write_text("[]")
    path = folder / name
    if kind == "file":
        path.write_text('{"mine": 1}')
    elif kind == "folder":
        path.mkdir()
        (path / "doc.txt").write_text("mine")
        (path / "lock").write_text("mine")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("../victim" if kind == "link" else "../victim/doc.txt")


NAMES = [".tensorsmith.lock", ".n.reorder.json", ".n.convert.json", ".convert", "n.tfrecord-00001-of-00003.index"]


@pytest.mark.parametrize("kind", ["file", "folder", "link", "link to file", "pipe"])
@pytest.mark.parametrize("name", NAMES)
def test_fixed_names(tmp_path, file, name, kind):
    foreign(tmp_path / "out", name, kind)
    before = state(tmp_path)
    expected = "be an index file" if name.endswith(".index") else f"not contain {name} of another program"
    for resume in (False, True):
        with pytest.raises(ArgumentError, match=re.escape(expected)):
            REARRANGE["convert" if "convert" in name else "shuffle"](file, tmp_path / "out", resume=resume)
        assert state(tmp_path) == before


def test_folder_with_arguments_of_another_program(tmp_path, file):
    foreign(tmp_path / "out", ".convert", "folder")
    (tmp_path / "out/.convert/arguments.json").write_text('{"name": "n"}')
    before = state(tmp_path)
    with raises_argument_error("folder", expected="not contain arguments.json of another program"):
        convert(open_source(file), tmp_path / "out", name="n", resume=True)
    assert state(tmp_path) == before


@pytest.mark.parametrize("name", ["schema.yaml", "dataset_info.json", "features.json", "x.labels.txt"])
def test_metadata_files(tmp_path, file, name):
    schema = Schema({"x": Feature("int64", labels=("a", "b"))})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    before = state(tmp_path)
    with raises_argument_error("folder", expected="not contain a data set", remedy=f"remove {name}"):
        convert(open_source(file), tmp_path / "out", name="n", schema=schema)
    assert state(tmp_path) == before


@pytest.mark.parametrize("kind", ["file", "hard link", "link"])
def test_repair_of_file_named_like_the_index(tmp_path, file, kind):
    """The index of the output would replace the source."""
    path = tmp_path / "z.index"
    {"file": file.rename, "hard link": path.hardlink_to, "link": path.symlink_to}[kind](
        path if kind == "file" else file
    )
    source = path if kind == "file" else file
    before = state(tmp_path)
    with raises_argument_error("target", received="z.index", expected="differ from the input file"):
        repair(source, tmp_path / "z")
    assert state(tmp_path) == before


@pytest.mark.parametrize("content", [b"mine", b"", b"\x93NUMPY\x01\x00mine"])
def test_file_with_the_name_of_an_index(tmp_path, file, content):
    (tmp_path / "z.index").write_bytes(content)
    file.rename(tmp_path / "z")
    other = data(tmp_path / "other", range(3))
    before = state(tmp_path)
    for call in (lambda: repair(other, tmp_path / "z"), lambda: write_index(tmp_path / "z")):
        with raises_argument_error(f"{tmp_path / 'z.index'}", expected="an index file or not exist"):
            call()
        assert state(tmp_path) == before


def test_index_is_kept_until_the_file_is_replaced(tmp_path, file, monkeypatch):
    repair(file, tmp_path / "z")
    before = state(tmp_path)
    monkeypatch.setattr(repair_module, "_copy", raise_error)
    with pytest.raises(OSError, match="of the test"):
        repair(file, tmp_path / "z")
    assert state(tmp_path) == before


def raise_error(*arguments):
    raise OSError("of the test")


def test_repair_to_a_folder(tmp_path, file):
    (tmp_path / "out").mkdir()
    with raises_argument_error("target", received=f"{tmp_path / 'out'}", expected="a file"):
        repair(file, tmp_path / "out")
    assert state(tmp_path / "out") == {}
