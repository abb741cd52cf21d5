"""TFRecord files as sources, compared with TensorFlow's writer and protocol buffers."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import ArgumentError
from tensorsmith.tfrecord import DamagedFileError, Feature, Schema, open_source
from tensorsmith.tfrecord.encode.batch import encode_batch


def feature(values):
    if values and isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example(**features):
    named = {name: feature(values) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def write(path, messages, compression=""):
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for message in messages:
            writer.write(message)
    return path


def read(source, schema=None):
    """Returns all rows, the numbers of all rows, and all rejects."""
    batches = list(source.batches(schema or source.infer()))
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    numbers = [number for batch in batches for number in batch.numbers.tolist()]
    return rows, numbers, [reject for batch in batches for reject in batch.rejects]


ROWS = [
    {"i": [1], "two": [1.0, 2.0], "text": ["é".encode()], "bytes": [b"\xff"], "list": [1, 2]},
    {"i": [2], "two": [3.0, 4.0], "text": [b""], "bytes": [b"a"], "list": [3], "gap": [b"x"]},
    {"i": [-5], "two": [np.inf, -0.0], "text": [b"b"], "bytes": [b""], "list": []},
]


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_examples(tmp_path, compression):
    path = write(tmp_path / "a.tfrecord-00000-of-00001", [example(**row) for row in ROWS], compression)
    if compression == "ZLIB":
        path = path.rename(tmp_path / "a.tfrecord")
    source = open_source(path)
    found = source.survey()
    assert found.schema.features == {
        "bytes": Feature("bytes"),
        "gap": Feature("string", optional=True),
        "i": Feature("int64"),
        "list": Feature("int64", (None,)),
        "text": Feature("string"),
        "two": Feature("float32", (2,)),
    }
    assert (found.rows, found.refused, found.missing) == (3, 0, {"gap": 2})
    rows, numbers, rejects = read(source)
    assert (numbers, rejects) == ([1, 2, 3], [])
    for row, given in zip(rows, ROWS, strict=True):
        assert (row["i"], row["two"], row["list"]) == (given["i"][0], given["two"], given["list"])
        assert (row["text"], row["bytes"]) == (given["text"][0].decode(), given["bytes"][0])
        assert row["gap"] == (given["gap"][0].decode() if "gap" in given else None)


def test_sequences(tmp_path):
    lists = {
        "one": tf.train.FeatureList(feature=[feature([1]), feature([2])]),
        "pair": tf.train.FeatureList(feature=[feature([1.0, 2.0])]),
        "some": tf.train.FeatureList(feature=[feature([b"a"]), feature([b"b", b"c"])]),
    }
    message = tf.train.SequenceExample(
        context=tf.train.Features(feature={"id": feature([7])}), feature_lists=tf.train.FeatureLists(feature_list=lists)
    )
    source = open_source(write(tmp_path / "a.tfrecord", [message.SerializeToString()]))
    assert source.infer().features == {
        "id": Feature("int64"),
        "one": Feature("int64", sequence=True),
        "pair": Feature("float32", (2,), sequence=True),
        "some": Feature("string", (None,), sequence=True),
    }
    assert read(source)[0] == [{"id": 7, "one": [1, 2], "pair": [[1.0, 2.0]], "some": [["a"], ["b", "c"]]}]


def test_rejects_between_records(tmp_path):
    messages = [example(x=[1]), b"\xff", example(x=[2]), example(x=[3, 4]), example(x=[5.0]), example(x=[6])]
    source = open_source(write(tmp_path / "a.tfrecord", messages))
    rows, numbers, rejects = read(source, Schema({"x": Feature("int64")}))
    assert ([row["x"] for row in rows], numbers) == ([1, 2, 6], [1, 3, 6])
    assert [reject.row for reject in rejects] == [2, 4, 5]
    assert rejects[1].problem == "expected a single value, got 2"
    assert "got float, expected int64" in rejects[2].problem
    with pytest.raises(ArgumentError, match="have the same type in all records, got float and int64"):
        source.infer()


def test_numbers_stored_as_bytes(tmp_path):
    array = np.array([[1.5, 2.5], [np.nan, -1e300]])
    messages = [example(x=[row.tobytes()], y=[np.uint8([1, 2, 3]).tobytes()]) for row in array]
    messages.insert(1, example(x=[b"123"], y=[b"abc"]))
    source = open_source(write(tmp_path / "a.tfrecord", messages))
    rows, _, (reject,) = read(source, Schema({"x": Feature("float64", (2,)), "y": Feature("uint8", (3,), "raw")}))
    np.testing.assert_array_equal([row["x"] for row in rows], array)
    assert [row["y"] for row in rows] == [[1, 2, 3]] * 2
    assert reject.problem == "the bytes are not values of float64"


@pytest.mark.parametrize("dtype", ["bfloat16", "complex64", "complex128"])
def test_dtypes_unsupported_by_arrow(tmp_path, dtype):
    array = np.array([[1.5, -2.5], [np.inf, 0.25]]).astype(dtype)
    source = open_source(write(tmp_path / "a.tfrecord", [example(x=[row.tobytes()]) for row in array]))
    schema = Schema({"x": Feature(dtype, (2,), "raw")})
    columns = [encode_batch(batch, schema)[0]["x"].to_lists() for batch in source.batches(schema)]
    assert columns == [[[row.tobytes()] for row in array]]


def test_examples_without_features(tmp_path):
    source = open_source(write(tmp_path / "a.tfrecord", [example(), example()]))
    assert source.survey().rows == 2
    assert read(source)[:2] == ([{}, {}], [1, 2])


def test_damaged(tmp_path):
    path = write(tmp_path / "a.tfrecord", [example(x=[1]), example(x=[2])])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match="record 1"):
        open_source(path).infer()


def test_missing_features(tmp_path):
    source = open_source(write(tmp_path / "a.tfrecord", [example(x=[1])]))
    with pytest.raises(ArgumentError, match="contain only the columns x.*got 'xx'"):
        read(source, Schema({"xx": Feature("int64")}))
    assert read(source, Schema({"y": Feature("int64", optional=True)}))[0] == [{"y": None}]
