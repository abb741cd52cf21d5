"""Named pipes, sockets, devices, and symbolic links without a target among the files of a source."""

import contextlib
import json
import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_link_without_a_target_among_other_files(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match=r"b\.csv"):
        open_source(tmp_path).infer()
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.wav").symlink_to(tmp_path / "nowhere.wav")
    (batch,) = open_source(tmp_path / "audio").rows()
    assert batch.rejects[0].problem == "the file cannot be read: No such file or directory"


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
