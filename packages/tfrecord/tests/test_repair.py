"""Repair of damaged files, compared with TensorFlow's reading of the repaired files."""

import gzip

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Gap, repair

MESSAGES = [b"%d " % number * (number * 7 % 40) for number in range(30)]
SIZES = np.array([len(message) + 16 for message in MESSAGES])
BEGINS = np.cumsum(SIZES) - SIZES


def messages_of(path, compression=""):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path), compression)]


@pytest.fixture
def damaged(tmp_path):
    """Returns a function that modifies the bytes of a file, and the paths of this file and of the repaired one."""

    def make(change=lambda data: data):
        path = tmp_path / "x.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for message in MESSAGES:
                writer.write(message)
        path.write_bytes(change(path.read_bytes()))
        return path, tmp_path / "y.tfrecord"

    return make


def flipped(*positions):
    def change(data):
        data = bytearray(data)
        for position in positions:
            data[position] ^= 1
        return bytes(data)

    return change


def test_undamaged_file(damaged):
    path, target = damaged()
    done = []
    found = repair(path, target, done.append)
    assert (found.records, found.size, found.gaps) == (30, sum(SIZES), ())
    assert target.read_bytes() == path.read_bytes()
    assert sum(done) == sum(SIZES)
    assert np.load(target.with_name("y.tfrecord.index")).tolist() == [len(message) for message in MESSAGES]


@pytest.mark.parametrize(("part", "known"), [(12, 1), (0, None), (8, None)])
def test_one_record_is_damaged(damaged, part, known):
    """Tests damage to the data of a record, to its length, and to the checksum of the length."""
    path, target = damaged(flipped(BEGINS[7] + part))
    (gap,) = repair(path, target).gaps
    assert (gap.offset, gap.size, gap.records) == (BEGINS[7], SIZES[7], known)
    assert messages_of(target) == MESSAGES[:7] + MESSAGES[8:]


def test_consecutive_damaged_records(damaged):
    path, target = damaged(flipped(BEGINS[7] + 12, BEGINS[8] + 12, BEGINS[20] + 1))
    first, second = repair(path, target).gaps
    assert first == Gap(BEGINS[7], SIZES[7] + SIZES[8], 2, "the data of a record are damaged")
    assert second == Gap(BEGINS[20], SIZES[20], None, "the length of a record is damaged")
    assert messages_of(target) == MESSAGES[:7] + MESSAGES[9:20] + MESSAGES[21:]


def test_missing_and_inserted_bytes(damaged):
    path, target = damaged(lambda data: b"junk" + data[: BEGINS[9] + 20] + data[BEGINS[11] + 5 :])
    found = repair(path, target)
    assert [gap.offset for gap in found.gaps] == [0, 4 + BEGINS[9]]
    assert messages_of(target) == MESSAGES[:9] + MESSAGES[12:]


def test_nested_record_frames(tmp_path):
    """Tests that record frames contained in the data of a damaged record are not recovered as records."""
    inner = tmp_path / "inner"
    for path, messages in ((inner, [b"one", b"two"]), (tmp_path / "x", None)):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for message in messages or [inner.read_bytes(), b"three"]:
                writer.write(message)
    (tmp_path / "x").write_bytes(flipped(15)((tmp_path / "x").read_bytes()))
    (gap,) = repair(tmp_path / "x", tmp_path / "y").gaps
    assert gap.records == 1
    assert messages_of(tmp_path / "y") == [b"three"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, sum(SIZES) - 1), max_size=4), st.integers(0, sum(SIZES)))
def test_valid_records_are_recovered(damaged, positions, size):
    path, target = damaged(lambda data: flipped(*positions)(data)[:size])
    data = path.read_bytes()
    with tf.io.TFRecordWriter(str(path.with_name("whole"))) as writer:
        for message in MESSAGES:
            writer.write(message)
    whole = path.with_name("whole").read_bytes()
    sound = [
        message
        for message, begin, length in zip(MESSAGES, BEGINS, SIZES, strict=True)
        if data[begin : begin + length] == whole[begin : begin + length]
    ]
    found = repair(path, target)
    assert messages_of(target) == sound
    assert found.size + sum(gap.size for gap in found.gaps) == size


@pytest.mark.parametrize("content", [b"", b"text", bytes(1000), b"\x1f\x8b\x08", gzip.compress(b"text", mtime=0)])
def test_no_valid_records(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    found = repair(tmp_path / "x", tmp_path / "y")
    assert found.records == 0
    assert bool(found.gaps) == bool(content)
    assert messages_of(tmp_path / "y", "GZIP" if content[:1] == b"\x1f" else "") == []


def test_compressed(damaged):
    path, target = damaged(lambda data: gzip.compress(flipped(BEGINS[3] + 12)(data)))
    packed = path.read_bytes()
    found = repair(path, target)
    assert [gap.offset for gap in found.gaps] == [BEGINS[3]]
    assert messages_of(target, "GZIP") == MESSAGES[:3] + MESSAGES[4:]
    path.write_bytes(packed[:-20])
    cut = repair(path, target)
    assert "the compressed data after this point is corrupted" in cut.gaps[-1].problem
    kept = messages_of(target, "GZIP")
    assert kept == (MESSAGES[:3] + MESSAGES[4:])[: len(kept)]
    assert len(kept) > 3
    assert not list(path.parent.glob(".*"))


def test_wrong_arguments(damaged, tmp_path):
    path, _ = damaged()
    with raises_argument_error("target", expected="differ from the input file"):
        repair(path, path)
    with pytest.raises(FileNotFoundError):
        repair(tmp_path / "nothing", tmp_path / "y")
