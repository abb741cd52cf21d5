"""Named pipes, sockets, devices, and dangling or circular symbolic links among the files of a source."""

import contextlib
import json
import os
import signal
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tensorsmith.records import Column, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import (
    Index,
    RejectedError,
    convert,
    inspect,
    open_source,
    repair,
    reshard,
    review,
    rows,
    stats,
    verify,
    write_index,
)

SECONDS = 20  # after which a test fails instead of waiting for a pipe without a writer


@pytest.fixture(autouse=True)
def _does_not_hang():
    def fail(*_):
        raise TimeoutError("the call waits for a named pipe")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def images(folder, count=2):
    folder.mkdir()
    for number in range(count):
        Image.fromarray(np.zeros((4, 6, 3), "uint8")).save(folder / f"{number}.png")
    return folder


def special(folder):
    """Creates a named pipe, a socket and a link to a device."""
    os.mkfifo(folder / "pipe.png")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as opened:
        opened.bind(str(folder / "s"))
    (folder / "zero").symlink_to("/dev/zero")
    return [folder / "pipe.png", folder / "s", folder / "zero"]


def test_images_beside_special_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    paths = special(images(Path("images")))
    source = open_source("images")
    assert source.skipped == paths
    assert "Skipped 3 files of another kind: images/pipe.png, images/s, images/zero" in review(source)
    assert convert(source, "out", name="x").records == 2


@pytest.mark.parametrize("path", ["folder/*", "folder", "folder/pipe.png", "/dev/zero"])
def test_special_files_that_are_not_beside_images(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("folder/a.csv").write_text("x\n1\n")
    special(Path("folder"))
    with raises_argument_error("source", expected="formats") as caught:
        open_source(path)
    assert "(a named pipe, socket or device)" in str(caught.value)


@pytest.mark.parametrize("pattern", ["images", "images/*", "shell"])
def test_links_without_a_target_are_rejects(tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    folder = images(Path("images"))
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    source = open_source(sorted(map(str, folder.iterdir())) if pattern == "shell" else pattern)
    with pytest.raises(RejectedError, match=r"gone.jpg, row 1: the file cannot be read: No such file or directory"):
        convert(source, "out", name="x")
    done = convert(source, "out", name="x", rejects="rejects.jsonl")
    assert (done.records, done.rejects) == (2, 2)
    rejects = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert [(reject["file"], reject["problem"]) for reject in rejects] == [
        ("images/circle.png", "the file cannot be read: Too many levels of symbolic links"),
        ("images/gone.jpg", "the file cannot be read: No such file or directory"),
    ]
    assert convert(source, "out", name="x", rejects="rejects.jsonl", resume=True) == done


def write_table(path, values):
    """Writes a column `x` in the format of the suffix."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"x": values}), path)
    elif path.suffix == ".tfrecord":
        with path.open("wb") as file:
            write(file, {"x": Column.of(np.array(values))}, 0, len(values))
    else:
        header, row = {".csv": ("x\n", "{}\n"), ".jsonl": ("", '{{"x": {}}}\n'), ".txt": ("", "{}\n")}[path.suffix]
        path.write_text(header + "".join(map(row.format, values)))


@pytest.mark.parametrize("pattern", ["folder", "folder/*", "shell"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".tfrecord", ".txt"])
def test_links_without_a_target_among_tables(tmp_path, monkeypatch, suffix, pattern):
    monkeypatch.chdir(tmp_path)
    folder = Path("folder")
    folder.mkdir()
    (folder / f"a{suffix}").symlink_to(f"nowhere{suffix}")  # first, so that no column is known
    write_table(folder / f"b{suffix}", [1, 2])
    (folder / f"c{suffix}").symlink_to(f"c{suffix}")
    write_table(folder / f"d{suffix}", [3])
    source = open_source(sorted(map(str, folder.iterdir())) if pattern == "shell" else pattern)
    gone, circle = [
        f"folder/{name}{suffix}, row 1: the file cannot be read: {reason}"
        for name, reason in (("a", "No such file or directory"), ("c", "Too many levels of symbolic links"))
    ]
    assert f"# 2 rows could not be read:\n#   {gone}\n#   {circle}\n" in review(source)
    with pytest.raises(RejectedError, match=gone):
        convert(source, "out", name="x")
    done = convert(source, "out", name="x", rejects="rejects.jsonl")
    assert (done.rows, done.records, done.rejects) == (5, 3, 2)
    rejects = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert [f"{reject['file']}, row {reject['row']}: {reject['problem']}" for reject in rejects] == [gone, circle]
    column = "text" if suffix == ".txt" else "x"
    assert [int(row[column][0]) for row in rows("out/x-train.tfrecord-00000-of-00001")] == [1, 2, 3]
    assert convert(source, "out", name="x", rejects="rejects.jsonl", resume=True) == done


def test_link_without_a_target_among_audio_files(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "nowhere.wav")
    (batch,) = open_source(tmp_path).rows()
    assert batch.rejects[0].problem == "the file cannot be read: No such file or directory"


def test_link_without_a_target_to_a_file_with_a_column_of_its_own(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(2))
    (tmp_path / "y.npy").symlink_to(tmp_path / "nowhere.npy")
    with pytest.raises(FileNotFoundError, match=r"y\.npy"):
        open_source(tmp_path).infer()


def test_annotated_pipe(tmp_path):
    images(tmp_path / "images", count=1)
    os.mkfifo(tmp_path / "images" / "1.png")
    for name in "01":
        annotation = f"<annotation><filename>{name}.png</filename></annotation>"
        (tmp_path / "images" / f"{name}.xml").write_text(annotation)
    source = open_source(tmp_path / "images")
    (batch,) = source.rows()
    assert [reject.problem for reject in batch.rejects] == ["the file is a named pipe, a socket or a device"]
    assert batch.rows.num_rows == 1


READERS = {
    "verify": verify,
    "inspect": lambda path: inspect([path]),
    "stats": lambda path: stats([path]),
    "rows": lambda path: list(rows(path)),
    "repair": lambda path: repair(path, "out"),
    "reshard": lambda path: reshard([path], "out"),
    "index": lambda path: Index.of([path]),
    "write_index": write_index,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_pipe_instead_of_a_record_file(tmp_path, monkeypatch, read):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("x.tfrecord")
    with pytest.raises(OSError, match=r"^x\.tfrecord: not a regular file but a named pipe, a socket or a device$"):
        read(Path("x.tfrecord"))
    assert not Path("out").is_file()
