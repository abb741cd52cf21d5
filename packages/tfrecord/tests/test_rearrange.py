"""Rewriting records with reshard, shuffle and split, compared with TensorFlow's reader."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.core import ArgumentError, Progress, ProgressTask
from tensorsmith.records import Records, frame
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import DamagedFileError, Index, write_index
from tensorsmith.tfrecord.shards import rearrange as module
from tensorsmith.tfrecord.shards.layout import parse_size, parse_split, shard_paths, split_sizes
from tensorsmith.tfrecord.shards.rearrange import rearrange
from tensorsmith.tfrecord.shards.reorder import reorder

pytestmark = pytest.mark.pairwise

MESSAGES = [bytes([i % 251]) * (i * 37 % 300) for i in range(200)]


def messages_of(paths, compression=""):
    return [record.numpy() for record in tf.data.TFRecordDataset([str(path) for path in paths], compression)]


@pytest.fixture
def files(tmp_path):
    """Three files written by TensorFlow, the second of which is empty."""
    paths = [tmp_path / f"in-{number}.tfrecord" for number in range(3)]
    for path, messages in zip(paths, (MESSAGES[:80], [], MESSAGES[80:]), strict=True):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for message in messages:
                writer.write(message)
    return paths


@pytest.mark.parametrize("group", [1, 1000, 1 << 26])
@pytest.mark.parametrize("compression", ["none", "gzip", "zlib"])
def test_any_order(files, tmp_path, monkeypatch, group, compression):
    monkeypatch.setattr(module, "GROUP", group)
    order = np.random.default_rng(group).integers(0, len(MESSAGES), 300)  # some occur several times, some not at all
    paths = shard_paths(tmp_path, "out", 7)
    done = []
    rearrange(Index.of(files), order, paths, compression, report=done.append)
    kind = "" if compression == "none" else compression.upper()
    assert messages_of(paths, kind) == [MESSAGES[number] for number in order]
    assert sum(done) == sum(len(MESSAGES[number]) + 16 for number in order)
    counts = [len(messages_of([path], kind)) for path in paths]
    assert max(counts) - min(counts) == 1
    assert len(list(tmp_path.glob("*.index"))) == (7 if compression == "none" else 0)
    assert not list(tmp_path.glob(".*"))


def test_written_index(files, tmp_path):
    (path,) = shard_paths(tmp_path, "out", 1)
    rearrange(Index.of(files), np.arange(200)[::-1], [path])
    beside = np.load(path.with_name(path.name + ".index"))
    np.testing.assert_array_equal(beside, [len(message) for message in MESSAGES[::-1]])


def test_resume_preserves_complete_shards(files, tmp_path):
    index, order = Index.of(files), np.arange(200)
    paths = shard_paths(tmp_path, "out", 4)
    rearrange(index, order, paths)
    whole = [path.read_bytes() for path in paths]
    paths[1].write_bytes(whole[1][:-1])  # truncated, as by an interrupted copy
    paths[2].unlink()
    (tmp_path / f"{paths[3].name}.index").unlink()
    before = paths[0].stat().st_mtime_ns, paths[3].stat().st_mtime_ns
    done = []
    rearrange(index, order, paths, resume=True, report=done.append)
    assert [path.read_bytes() for path in paths] == whole
    assert (paths[0].stat().st_mtime_ns, paths[3].stat().st_mtime_ns) == before
    assert sum(done) == sum(map(len, whole))
    assert len(list(tmp_path.glob("out*.index"))) == 4


def test_damaged_record(files, tmp_path):
    index = Index.of(files)
    data = bytearray(files[2].read_bytes())
    data[int(index.begins[150]) + 3] ^= 1
    files[2].write_bytes(data)
    paths = shard_paths(tmp_path / "out", "out", 2)
    paths[0].parent.mkdir()
    message = f"in-2.tfrecord: record 70, at byte {index.begins[150] - 12:,}: it is corrupted"
    with pytest.raises(DamagedFileError, match=message) as caught:
        rearrange(index, np.arange(200)[::-1], paths)
    assert (caught.value.record, caught.value.path) == (70, files[2])
    assert list(paths[0].parent.iterdir()) == []


def test_files_changed_since_indexing(files, tmp_path):
    index = Index.of(files)
    files[2].write_bytes(files[2].read_bytes()[:2000])
    with pytest.raises(DamagedFileError, match="the file has changed since"):
        rearrange(index, np.arange(200), [tmp_path / "out"])
    size = files[0].stat().st_size
    with tf.io.TFRecordWriter(str(files[0])) as writer:  # of the same size, with different records
        writer.write(bytes(size - 16))
    with pytest.raises(DamagedFileError, match="record 0, at byte 0"):
        rearrange(index, np.arange(80), [tmp_path / "out"])


@pytest.mark.parametrize(
    ("order", "shards", "compression", "message"),
    [
        ([200], 1, "none", "order"),
        ([-1], 1, "none", "order"),
        ([0], 0, "none", "paths"),
        ([0], 1, "lz4", "compression"),
    ],
)
def test_wrong_arguments(files, tmp_path, order, shards, compression, message):
    with raises_argument_error(message):
        rearrange(Index.of(files), np.array(order), [tmp_path / "out"] * shards, compression)


def test_reshard_keeps_the_order(files, tmp_path):
    (written,) = reorder(files, tmp_path / "out", shard_size=10_000, name="in").values()
    assert written.records == 200
    assert len(written.paths) == -(-sum(len(message) + 16 for message in MESSAGES) // 10_000)
    assert messages_of(written.paths) == MESSAGES
    assert written.paths[0].name == f"in.tfrecord-00000-of-{len(written.paths):05d}"


def test_shuffle_is_global(files, tmp_path):
    def shuffled(folder, seed):
        (written,) = reorder(files, tmp_path / folder, shards=3, seed=seed, name="x").values()
        return [path.read_bytes() for path in written.paths], messages_of(written.paths)

    (first, messages), again, other = shuffled("a", 1), shuffled("b", 1), shuffled("c", 2)
    assert first == again[0]
    assert first != other[0]
    assert Counter(messages) == Counter(other[1]) == Counter(MESSAGES)
    assert messages != MESSAGES
    long_ago = [MESSAGES.index(message) for message in messages if len(message) > 250]
    assert np.abs(np.diff(long_ago)).mean() > 30  # not only among neighbors


@pytest.mark.parametrize("seed", [None, 7])
def test_split_contains_each_record_once(files, tmp_path, seed):
    shares = {"train": 0.7, "valid": 0.15, "test": 0.15}
    splits = reorder(files, tmp_path / "out", name="x", shards=2, seed=seed, split=shares)
    assert {name: split.records for name, split in splits.items()} == {"train": 140, "valid": 30, "test": 30}
    messages = [message for split in splits.values() for message in messages_of(split.paths)]
    assert Counter(messages) == Counter(MESSAGES)
    assert (messages == MESSAGES) == (seed is None)
    assert splits["test"].paths[1].name == "x-test.tfrecord-00001-of-00002"


def test_compressed_sources(files, tmp_path):
    packed = tmp_path / "packed.tfrecord.gz"
    with tf.io.TFRecordWriter(str(packed), "GZIP") as writer:
        for message in MESSAGES:
            writer.write(message)
    (written,) = reorder([packed, files[0]], tmp_path / "out", shards=1, seed=3, compression="zlib", name="x").values()
    assert Counter(messages_of(written.paths, "ZLIB")) == Counter(MESSAGES + MESSAGES[:80])
    assert [path.name for path in (tmp_path / "out").iterdir()] == [written.paths[0].name]


def test_existing_shards_are_not_overwritten(files, tmp_path):
    reorder(files, tmp_path / "out", shards=2, name="x")
    for shards, resume in ((2, False), (3, True), (1, True)):
        with raises_argument_error("folder", expected="shards of x"):
            reorder(files, tmp_path / "out", shards=shards, name="x", resume=resume)
    reorder(files, tmp_path / "out", shards=2, name="y")
    with raises_argument_error("folder", expected="not contain shards of in-0"):
        reorder(files[:1], tmp_path, shards=1)


def test_splits_are_not_mixed_silently(files, tmp_path):
    """A folder may contain the files of several splits."""
    with raises_argument_error("name", received="in-0 and in-1 and in-2", remedy="pass a name to join them"):
        reorder(files, tmp_path / "out", shards=1)
    assert not (tmp_path / "out").exists()
    (written,) = reorder(files[:1], tmp_path / "out", shards=1).values()
    assert written.paths[0].name == "in-0.tfrecord-00000-of-00001"


@given(st.integers(0, 10**7), st.lists(st.integers(1, 1000), min_size=1, max_size=5))
def test_split_sizes(count, weights):
    shares = {str(number): weight / sum(weights) for number, weight in enumerate(weights)}
    sizes = split_sizes(count, shares)
    assert sum(sizes.values()) == count
    assert all(abs(sizes[name] - count * share) <= 1 for name, share in shares.items())


@pytest.mark.parametrize("text", ["", "0MB", "12 parsecs", "-1", "1e3", "MB"])
def test_invalid_shard_sizes(text):
    with pytest.raises(ArgumentError, match="shard_size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["train", "a=0.5,a=0.5", "a=0.5,b=0.4", "a/b=1", "a=1,b=-0", ""])
def test_invalid_splits(text):
    with pytest.raises(ArgumentError, match="split"):
        parse_split(text)


def test_index_is_replaced_with_file(files, tmp_path):
    path = tmp_path / "out"
    rearrange(Index.of(files), np.arange(200), [path])
    rearrange(Index.of(files), np.arange(200)[::-1], [path])  # of the same size
    left = np.load(tmp_path / "out.index")
    np.testing.assert_array_equal(left, [len(message) for message in MESSAGES[::-1]])
    assert write_index(path) == tmp_path / "out.index"


class Watched(Progress):
    """Progress that passes each number of completed bytes to a function."""

    def __init__(self, report):
        super().__init__()
        self._report = report

    def start(self, description, total=None, unit="bytes"):
        task = ProgressTask()
        task.advance = self._report
        return task


def interrupt(files, folder, **asked):
    """Interrupts a call after it has written one shard."""

    def report(done):
        if list(folder.glob("x*-of-*")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reorder(files, folder, name="x", progress=Watched(report), **asked)
    assert [path.name for path in folder.glob("x*-of-*")]


@pytest.mark.parametrize("compression", ["none", "gzip", "zlib"])
def test_resume_of_complete_shards(files, tmp_path, compression):
    asked = {"shards": 2, "name": "x", "seed": 1, "split": {"a": 0.5, "b": 0.5}, "compression": compression}
    written = reorder(files, tmp_path / "out", **asked)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert reorder(files, tmp_path / "out", **asked, resume=True) == written
    others = [{"seed": 2}, {"seed": None}, {"shards": 3}, {"compression": "gzip" if compression != "gzip" else "none"}]
    for other in [*others, {"split": {"b": 0.5, "a": 0.5}}]:
        with raises_argument_error("folder", expected="not contain other shards of", remedy="another folder or name"):
            reorder(files, tmp_path / "out", **{**asked, **other}, resume=True)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    path = written["b"].paths[1]
    for content in (path.read_bytes()[:-1], path.read_bytes() + b"1", b""):
        path.write_bytes(content)
        with raises_argument_error("folder", expected="not contain other shards of"):
            reorder(files, tmp_path / "out", **asked, resume=True)
        assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["..", ".", ".x", "a/b"])
def test_names_of_shards(files, tmp_path, name):
    with raises_argument_error("name", expected="a file name without a folder"):
        reorder(files, tmp_path / "out", shards=2, name=name)
    assert not (tmp_path / "out").exists()


def test_error_message_suggests_resume(files, tmp_path):
    interrupt(files, tmp_path / "out", shards=3)
    with pytest.raises(ArgumentError, match="or resume the interrupted call"):
        reorder(files, tmp_path / "out", name="x", shards=3)
    with pytest.raises(ArgumentError, match=r"another folder or name\.$"):
        reorder(files, tmp_path / "out", name="x", shards=4)


ASKED = {"shards": 3, "seed": 1, "compression": "gzip", "split": {"a": 0.5, "b": 0.5}}
OTHERS = [{"seed": 2}, {"shards": 4}, {"shard_size": 7}, {"compression": "zlib"}, {"split": {"b": 0.5, "a": 0.5}}]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_resume_requires_same_arguments(files, tmp_path, other):
    interrupt(files, tmp_path / "out", **ASKED)
    there = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with raises_argument_error(
        "resume",
        received=f"different values of {next(iter(other))}",
        expected="the same arguments as the interrupted run",
    ):
        reorder(files, tmp_path / "out", name="x", resume=True, **{**ASKED, **other})
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == there
    splits = reorder(files, tmp_path / "out", name="x", resume=True, **ASKED)
    paths = [path for split in splits.values() for path in split.paths]
    assert Counter(messages_of(paths, "GZIP")) == Counter(MESSAGES)
    assert sorted((tmp_path / "out").iterdir()) == sorted(paths)


def test_resume_requires_same_files(files, tmp_path):
    interrupt(files, tmp_path / "out", shards=3)
    files[1].write_bytes(files[0].read_bytes())
    with raises_argument_error("resume", expected="used with the same arguments as the interrupted run"):
        reorder(files, tmp_path / "out", name="x", shards=3, resume=True)
    for path in (tmp_path / "out").glob("x*"):
        path.unlink()
    (written,) = reorder(files, tmp_path / "out", name="x", shards=3, resume=True).values()
    assert written.records == 280


def test_failed_call_leaves_no_files(files, tmp_path):
    files[0].write_bytes(files[0].read_bytes()[:-1])
    with pytest.raises(DamagedFileError):
        reorder(files, tmp_path / "out", name="x")
    assert list((tmp_path / "out").iterdir()) == []


def test_stale_index(files, tmp_path):
    write_index(files[0])
    with tf.io.TFRecordWriter(str(files[0])) as writer:
        writer.write(bytes(sum(len(message) + 16 for message in MESSAGES[:80]) - 16))
    with pytest.raises(DamagedFileError, match="if in-0.tfrecord.index belongs to another file, remove it"):
        rearrange(Index.of(files), np.arange(80), [tmp_path / "out"])


def run(script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_resume_after_kill(files, tmp_path):
    script = """if True:
        import os, signal, sys
        from tensorsmith.tfrecord.shards.reorder import reorder
        from tensorsmith.core import Progress, ProgressTask
        class Killing(Progress, ProgressTask):
            left = 10
            def start(self, description, total=None, unit="bytes"):
                return self
            def advance(self, count=1):
                self.left -= 1
                if not self.left:
                    os.kill(os.getpid(), signal.SIGKILL)
        reorder(sys.argv[2:], sys.argv[1], shards=20, seed=5, name="out", progress=Killing())
    """
    result = run(script, tmp_path / "killed", *files)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert len(list((tmp_path / "killed").glob("out.tfrecord-*-of-00020"))) == 9
    (killed,) = reorder(files, tmp_path / "killed", shards=20, seed=5, name="out", resume=True).values()
    (whole,) = reorder(files, tmp_path / "whole", shards=20, seed=5, name="out").values()
    assert [path.read_bytes() for path in killed.paths] == [path.read_bytes() for path in whole.paths]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say how much memory there was")
def test_peak_memory(tmp_path):
    message = np.random.default_rng(0).bytes(10_000)
    with (tmp_path / "x.tfrecord").open("wb") as file:
        framed = frame(Records.of([message] * 100)).data
        for _ in range(400):
            file.write(framed)
    script = """if True:
        import sys
        from pathlib import Path
        from tensorsmith.tfrecord.shards.reorder import reorder
        reorder([sys.argv[1]], sys.argv[2], shards=2, seed=1)
        print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    """
    result = run(script, tmp_path / "x.tfrecord", tmp_path / "out")
    assert int(result.stdout) < 200_000, result.stderr  # for 400 MB of data
