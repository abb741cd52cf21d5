"""Tests of finding records in complete, truncated and damaged files."""

import importlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.core import ArgumentError
from tensorsmith.records import Records, find, frame, reference, scan
from tensorsmith.records.scan import DAMAGES

MESSAGES = [b"one", b"", b"three" * 100]
FRAMED = frame(Records.of(MESSAGES)).data


def test_matches_tensorflow_writer(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        for message in MESSAGES:
            writer.write(message)
    data = np.fromfile(tmp_path / "x", "uint8")
    assert data.tobytes() == FRAMED.tobytes()
    found = scan(data)
    assert [found.records[row] for row in range(3)] == MESSAGES
    assert (found.consumed, found.needed, found.damage) == (data.size, 0, "")


def test_truncated_data():
    frames = [len(message) + 16 for message in MESSAGES]
    for size in range(FRAMED.size):
        found = scan(FRAMED[:size])
        whole = sum(np.cumsum(frames) <= size)
        assert (len(found.records), found.consumed, found.damage) == (whole, sum(frames[:whole]), ""), size
        assert found.needed == (frames[whole] if size - found.consumed >= 12 else 0), size


@given(st.integers(0, FRAMED.size - 1), st.integers(0, 7))
def test_flipped_bits_are_detected(position, bit):
    data = FRAMED.copy()
    data[position] ^= 1 << bit
    found = scan(data)
    begins, sizes, consumed, needed, damage = reference.scan(data, True, 99)
    assert (found.consumed, found.needed, found.damage) == (consumed, needed, DAMAGES[damage])
    assert found.damage
    np.testing.assert_array_equal(found.records.begins, begins)


@pytest.mark.parametrize(
    "arguments",
    [
        (FRAMED.astype("int8"), np.array([12]), np.array([3])),
        (FRAMED[::2], np.array([12]), np.array([3])),
        (FRAMED, np.array([12], "int32"), np.array([3])),
        (FRAMED, np.array([12]), np.array([3], "int32")),
        (FRAMED, np.array([12, 13]), np.array([3])),
        (FRAMED, np.array([-1]), np.array([3])),
        (FRAMED, np.array([12]), np.array([-1])),
        (FRAMED, np.array([FRAMED.size - 2]), np.array([3])),
        (FRAMED, np.array([2**62]), np.array([2**62])),
    ],
)
def test_invalid_records(arguments):
    with pytest.raises(ArgumentError, match="data|begins|sizes"):
        Records(*arguments)


def test_invalid_data():
    for data in (FRAMED[::2], FRAMED.astype("int64"), bytes(20)):
        for look in (scan, find):
            with pytest.raises(ArgumentError, match="data"):
                look(data)


def test_most_and_check_data():
    data = FRAMED.copy()
    data[12] ^= 1  # in the data of the first record
    assert scan(data).damage == "the data of a record are damaged"
    assert len(scan(data, check_data=False).records) == 3
    assert scan(FRAMED, most=2).consumed == 3 + 16 + 16


def test_excessive_lengths():
    """The checksum of the length is valid."""
    for length in (2**62, 2**63, 2**64 - 1):
        header = length.to_bytes(8, "little")
        data = np.frombuffer(header + reference._checksum(header) + bytes(100), "uint8")
        found = scan(data)
        assert (len(found.records), found.damage) == (0, "")
        assert found.needed == min(length + 16, 2**63 - 1)
        assert found.needed == reference.scan(data, True, 9)[3]


@given(st.binary(max_size=60), st.integers(0, FRAMED.size))
def test_find_after_arbitrary_bytes(before, lost):
    """The file begins with other data, and parts of it are missing."""
    data = np.frombuffer(before + FRAMED[lost:].tobytes(), "uint8")
    begins = np.cumsum([0, *(len(message) + 16 for message in MESSAGES)])
    left = begins[begins >= lost]
    expected = len(before) + left[0] - lost if len(left) > 1 else data.size
    assert find(data) == expected


def test_find_matches_reference(monkeypatch):
    data = np.concatenate([FRAMED[1:20], FRAMED[5:]])
    found = find(data)
    monkeypatch.setattr(importlib.import_module("tensorsmith.records.scan"), "library", lambda: None)
    assert find(data) == found
    assert find(FRAMED[:18]) == 18
