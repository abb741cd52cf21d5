"""Tests of encoding columns against the output of protobuf and TensorFlow's parser."""

import google_crc32c
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from record_tables import tables

from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, RecordError, Records, encode, frame, parse, reference
from tensorsmith.records.encode import MOST_BYTES
from tensorsmith.records.library import address, library
from tensorsmith.testing import raises_argument_error


@settings(max_examples=150, deadline=None)
@given(tables())
def test_matches_protobuf(columns):
    if not columns:
        return
    records = encode(columns)
    assert [records[row] for row in range(len(records))] == reference.encode(columns, 0, len(records))
    assert records.data.tobytes() == reference.frame(records).data.tobytes()


def test_matches_tensorflow_example():
    columns = {
        "b": Column.lists("bytes", [[b"x", b"", bytes(300)]]),
        "a": Column.of(np.float64([[1.5, -2.0]])),
        "c": Column.of([[0, -1, 2**63 - 1, -(2**63)]]),
    }
    features = {
        "a": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5, -2.0])),
        "b": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x", b"", bytes(300)])),
        "c": tf.train.Feature(int64_list=tf.train.Int64List(value=[0, -1, 2**63 - 1, -(2**63)])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    assert encode(columns)[0] == example.SerializeToString(deterministic=True)


def test_tensorflow_reads_the_file(tmp_path):
    column = Column.of(np.arange(1000))
    (tmp_path / "x.tfrecord").write_bytes(encode({"x": column}).data)
    feature = {"x": tf.io.FixedLenFeature([], tf.int64)}
    dataset = (
        tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord")).batch(1000).map(lambda x: tf.io.parse_example(x, feature))
    )
    (batch,) = dataset
    np.testing.assert_array_equal(batch["x"], np.arange(1000))


def test_sequence_example():
    """Two sentences and no comments, read by TensorFlow's parser."""
    sentences = [[b"A", b"desert", b"place", b"."], [b"When", b"shall"]]
    columns = {
        "author_id": Column.of([123]),
        "content": Column.lists("bytes", [sentences], sequence=True),
        "comments": Column.lists("bytes", [[]], sequence=True),
    }
    context, lists = tf.io.parse_single_sequence_example(
        encode(columns)[0],
        {"author_id": tf.io.FixedLenFeature([], tf.int64)},
        {"content": tf.io.VarLenFeature(tf.string), "comments": tf.io.VarLenFeature(tf.string)},
    )
    assert context["author_id"] == 123
    assert tf.RaggedTensor.from_sparse(lists["content"]).to_list() == sentences
    assert lists["comments"].shape == (0, 0)


def test_encode_row_range():
    columns = {"x": Column.lists("float", [[1], None, [2, 3], []])}
    whole, part = encode(columns), encode(columns, 1, 3)
    assert [part[0], part[1]] == [whole[1], whole[2]]
    assert encode(columns, 4, 4).data.size == 0


@pytest.mark.parametrize("size", [*range(40), 127, 128, 383, 384, 385, 1000, 70_001])
def test_checksum(size):
    """Sizes around the interleaved stretches. 0xe3069283 is the checksum of "123456789" in RFC 3720."""
    data = np.random.default_rng(size).integers(0, 256, size, "uint8")
    assert library().crc32c(address(data), data.size) == google_crc32c.value(data.tobytes())
    assert library().crc32c(address(np.frombuffer(b"123456789", "uint8")), 9) == 0xE3069283


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_frames_with_arbitrary_bytes(messages):
    framed = frame(Records.of(messages))
    assert [framed[row] for row in range(len(framed))] == messages
    assert framed.data.tobytes() == reference.frame(Records.of(messages)).data.tobytes()


@pytest.mark.parametrize(
    ("array", "kind", "lists"),
    [
        (np.float16([1, 2]), "float", [[1.0], [2.0]]),
        (np.ones((2, 0)), "float", [[], []]),
        (np.array([True, False]), "int64", [[1], [0]]),
        (np.uint64([[1, 2]]), "int64", [[1, 2]]),
        (["é", b"\xff"], "bytes", [["é".encode()], [b"\xff"]]),
        (np.array([b"ab", b"c"]), "bytes", [[b"ab"], [b"c"]]),
        (np.arange(6).reshape(3, 2)[::-1], "int64", [[4, 5], [2, 3], [0, 1]]),
    ],
)
def test_columns_from_arrays(array, kind, lists):
    column = Column.of(np.array(array, dtype=object) if isinstance(array, list) else array)
    assert (column.kind, column.to_lists()) == (kind, lists)
    assert parse(encode({"x": column}), {"x": kind})["x"].to_lists() == lists


def test_raw_bytes_of_rows():
    images = np.arange(24, dtype="uint8").reshape(2, 3, 4)
    assert Column.of_raw(images).to_lists() == [[images[0].tobytes()], [images[1].tobytes()]]


PLACES = np.array([0, 1])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("double", np.zeros(1), PLACES), "kind"),
        (("float", np.zeros(1), PLACES), "values"),
        (("float", np.zeros(2, "float32")[::2], PLACES.astype("int32")), "rows"),
        (
            ("float", np.zeros(1, "float32"), np.array([0, 2])),
            "rows",
        ),
        (("float", np.zeros(1, "float32"), np.array([-1, 1])), "rows"),
        (("float", np.zeros(1, "float32"), np.array([0, 1, 0])), "rows"),
        (("float", np.zeros(1, "float32"), np.array([], "int64")), "rows"),
        (("bytes", np.zeros(1, "uint8"), PLACES), "bounds"),
        (("bytes", np.zeros(1, "uint8"), PLACES, np.array([0, 2])), "bounds"),
        (("float", np.zeros(1, "float32"), PLACES, PLACES), "bounds"),
        (("float", np.zeros(1, "float32"), PLACES, None, np.array([0, 2])), "steps"),
        (("float", np.zeros(1, "float32"), PLACES, None, None, np.array([True, True])), "present"),
    ],
)
def test_invalid_column_arguments(arguments, name):
    with raises_argument_error(name):
        Column(*arguments)


@pytest.mark.parametrize("array", [np.uint64([2**63]), 3.0, np.array([1j]), np.array([None])])
def test_unsupported_arrays(array):
    with pytest.raises((ArgumentError, TypeError)):
        Column.of(array)


def test_columns_of_unequal_length():
    with pytest.raises(ArgumentError, match="columns"):
        encode({"a": Column.of([1]), "b": Column.of([1, 2])})
    with pytest.raises(ArgumentError, match="first and last must define a range within the 1 rows"):
        encode({"a": Column.of([1])}, 0, 2)


def test_record_exceeding_2_gib():
    """An array of 2 GiB backed by a single page of memory."""
    values = np.lib.stride_tricks.as_strided(np.zeros(1, "uint8"), (MOST_BYTES,), (0,))
    column = Column.of([b"x", b"y"])
    object.__setattr__(column, "values", values)
    object.__setattr__(column, "bounds", np.array([0, 1, MOST_BYTES]))
    with pytest.raises(
        RecordError, match="record 1: the record would have 2,147,483,679 bytes, but must be smaller than 2 GiB"
    ):
        encode({"x": column})
