"""Decoding of converted examples to the tensors that the schema describes."""

import io

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from PIL import Image

from tensorsmith.records import Column, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Batch, Feature, Schema, examples, open_source
from tensorsmith.tfrecord.encode.batch import encode_batch
from tensorsmith.tfrecord.pipeline.decode import stored_features
from tensorsmith.tfrecord.schema import DTYPES, FLOATS, INTEGERS, STRINGS

pytestmark = pytest.mark.pairwise


def round_trip(values, schema, tmp_path, batch_size=10):
    """Converts values and returns the first batch read back."""
    rows = pa.RecordBatch.from_pydict(values)
    columns, rejects = encode_batch(Batch(rows, "here", np.arange(rows.num_rows)), schema)
    assert not rejects
    with (tmp_path / "x.tfrecord").open("wb") as file:
        write(file, columns)
    return next(iter(examples([tmp_path / "x.tfrecord"], schema, batch_size)))


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype not in STRINGS])
@pytest.mark.parametrize("encoding", ["", "raw"])
def test_numbers(dtype, encoding, tmp_path):
    """Tests the largest and smallest numbers of each dtype, with fixed and variable size."""
    kind = np.dtype(dtype)
    limits = {"b": [0, 1], "f": [0.5, -2], "V": [0.5, -2], "c": [0.5 - 3j, 1e30j]}.get(kind.kind)
    limits = limits or [np.iinfo(kind).min, np.iinfo(kind).max]
    array = np.array([[*limits, 1], [0, *limits]], kind)
    shared = array.astype("float32") if dtype in ("float16", "bfloat16") else array
    parts = [[{"real": one.real, "imag": one.imag} for one in row] for row in array] if kind.kind == "c" else []
    made = pa.array(parts or list(shared))
    found = round_trip({"a": made}, Schema({"a": Feature(dtype, (3,), encoding)}), tmp_path)["a"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)
    found = round_trip({"a": made}, Schema({"a": Feature(dtype, (None,), encoding)}), tmp_path)["a"]
    if found.dtype == tf.string:
        found = [np.frombuffer(row, dtype) for row in found.numpy()]
        np.testing.assert_array_equal(found, array)
    else:
        assert found.dtype == dtype
        assert found.to_list() == array.tolist()


def test_complex_numbers(tmp_path):
    array = np.empty(4, "complex64")
    array.real, array.imag = [1, np.inf, np.nan, -0.0], [np.inf, 2, -0.0, 0.0]
    np.savez(tmp_path / "a.npz", z=array)
    (batch,) = open_source(tmp_path / "a.npz").batches(Schema({"z": Feature("complex64")}))
    columns, rejects = encode_batch(batch, Schema({"z": Feature("complex64")}))
    assert rejects == []
    assert b"".join(columns["z"].to_lists()[row][0] for row in range(4)) == array.tobytes()


def test_strings_variable_sizes_and_missing_values(tmp_path):
    values = {
        "text": ["é", "b"],
        "words": [["a"], []],
        "maybe": [None, 3],
        "flags": [[True], [False]],
        "number": [1, 2],
    }
    schema = Schema(
        {
            "text": Feature("string"),
            "words": Feature("string", (None,)),
            "maybe": Feature("int32", optional=True),
            "flags": Feature("bool", (1,)),
            "number": Feature("uint8"),
        }
    )
    found = round_trip(values, schema, tmp_path)
    assert found["text"].numpy().tolist() == ["é".encode(), b"b"]
    assert found["words"].to_list() == [[b"a"], []]
    assert found["maybe"].to_list() == [[], [3]]
    assert found["maybe"].dtype == tf.int32
    assert found["flags"].numpy().tolist() == [[True], [False]]
    assert found["number"].dtype == tf.uint8


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "float64", "uint64"])
def test_defaults_of_numbers(tmp_path, dtype):
    """Tests that optional numbers become dense tensors; integers with NaN become floats, as in pandas."""
    values = {name: [1, None, 0] for name in ("nan", "one")} | {"pair": [[1, 0], None, [0, 1]]}
    schema = Schema(
        {
            "nan": Feature(dtype, optional=True, default="nan"),
            "one": Feature(dtype, optional=True, default=1),
            "pair": Feature(dtype, (2,), optional=True, default="nan"),
        }
    )
    found = round_trip(values, schema, tmp_path)
    assert {name: tensor.dtype.name for name, tensor in found.items()} == {
        name: feature.tensor_dtype for name, feature in schema.features.items()
    }
    assert found["one"].dtype == dtype
    assert found["one"].numpy().tolist() == [1, 1, 0]
    np.testing.assert_array_equal(found["nan"].numpy().astype("float64"), [1, np.nan, 0])
    np.testing.assert_array_equal(found["pair"].numpy().astype("float64"), [[1, 0], [np.nan, np.nan], [0, 1]])


def test_defaults_of_strings(tmp_path):
    features = {"a": Feature("string", optional=True, default=""), "b": Feature("bytes", optional=True, default="?")}
    schema = Schema(features)
    found = round_trip({"a": ["x", None], "b": [None, ""]}, schema, tmp_path)
    assert {name: tensor.numpy().tolist() for name, tensor in found.items()} == {"a": [b"x", b""], "b": [b"?", b""]}


def test_required_feature_is_missing(tmp_path):
    schema = Schema({"a": Feature("int64"), "b": Feature("int64", optional=True, default="nan")})
    round_trip({"a": [1, 2], "b": [3, None]}, schema, tmp_path)
    with pytest.raises(tf.errors.InvalidArgumentError, match="b"):
        next(iter(examples([tmp_path / "x.tfrecord"], schema.require(["b"]), 2)))


@pytest.mark.parametrize(("batch_size", "default"), [(1, "nan"), (3, None), (10, 7)])
def test_examples_without_label_are_dropped(tmp_path, batch_size, default):
    """Tests that such examples, and batches of nothing else, are dropped; the dtype of the label is preserved."""
    schema = Schema(
        {
            "label": Feature("int64", optional=True, default=default),
            "x": Feature("float32", optional=True, default="nan"),
            "text": Feature("string", optional=True),
            "pair": Feature("int64", (2,)),
        }
    )
    labels, texts = [1, None, 0, None, None, None, 5], ["a", "b", None, "d", "e", "f", "g"]
    values = {"label": labels, "x": [None] * 7, "text": texts, "pair": [[i, i] for i in range(7)]}
    round_trip({**values, "x": pa.array(values["x"], pa.float32())}, schema, tmp_path)
    dataset = examples([tmp_path / "x.tfrecord"], schema, batch_size, drop_missing=["label"])
    batches = list(dataset)
    assert all(len(batch["label"]) for batch in batches)
    assert {batch["label"].dtype for batch in batches} == {tf.int64}
    assert np.concatenate([batch["label"] for batch in batches]).tolist() == [1, 0, 5]
    assert np.concatenate([batch["pair"] for batch in batches]).tolist() == [[0, 0], [2, 2], [6, 6]]
    assert [row for batch in batches for row in batch["text"].to_list()] == [[b"a"], [], [b"g"]]
    assert sum(len(batch["x"]) for batch in batches) == 3
    with raises_argument_error("required", received="'y'"):
        examples([tmp_path / "x.tfrecord"], schema, 1, drop_missing=["y"])
    with raises_argument_error("drop_missing", received="'z'", expected="strings and real numbers of fixed size"):
        examples([], Schema({"z": Feature("int64", (None,))}), 1, drop_missing=["z"])
    with raises_argument_error("features", received="dict", expected="a Schema"):
        examples([], {}, 1, drop_missing=["label"])


def test_default_of_wrong_size(tmp_path):
    with (tmp_path / "x.tfrecord").open("wb") as file:
        write(file, {"a": Column.of([[1, 2]])})
    with pytest.raises(tf.errors.InvalidArgumentError, match="a must have 1 values, or none"):
        next(iter(examples([tmp_path / "x.tfrecord"], Schema({"a": Feature("int64", optional=True, default=0)}), 1)))


@pytest.mark.parametrize("channels", [1, 3])
def test_images(channels, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, channels), "uint8")
    schema = Schema({"a": Feature("uint8", (4, 5, channels), "png")})
    found = round_trip({"a": images.tolist()}, schema, tmp_path)["a"]
    assert found.shape == images.shape
    np.testing.assert_array_equal(found, images)


def test_images_of_wrong_size(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (3, 2)).save(file, "png")
    with (tmp_path / "x.tfrecord").open("wb") as out:
        write(out, {"a": Column.of([file.getvalue()])})

    def read(shape):
        return next(iter(examples([tmp_path / "x.tfrecord"], Schema({"a": Feature("uint8", shape, "png")}), 10)))["a"]

    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"\[2,3,3\] is not compatible with expected shape \[2,4,3\]"
    ):
        read((2, 4, 3))
    assert read((2, 3, 3)).shape == (1, 2, 3, 3)
    assert read((None, None, 3)).numpy().tolist() == [file.getvalue()]


def test_several_variable_dimensions(tmp_path):
    values = [np.arange(6).reshape(2, 3), np.arange(4).reshape(4, 1)]
    found = round_trip({"a": [v.tolist() for v in values]}, Schema({"a": Feature("int64", (None, None))}), tmp_path)
    shapes = found["a/shape"].to_list()
    for shape, content, value in zip(shapes, found["a/value"].numpy(), values, strict=True):
        np.testing.assert_array_equal(np.frombuffer(content, "int64").reshape(shape), value)


def test_sequences_are_unsupported():
    with raises_argument_error("a", expected="a feature of tf.train.Example"):
        stored_features(Schema({"a": Feature("int64", sequence=True)}))


SPARSE = {"x/indices": Feature("int64", (None,)), "x/values": Feature("float32", (None,))}


def test_sparse_values(tmp_path):
    schema = Schema({**SPARSE, "y": Feature("int64")}, {"x": 10})
    assert Schema.from_yaml(schema.to_yaml()) == schema
    dense = np.zeros((3, 10), "float32")
    dense[0, [1, 9]], dense[2, 0] = [0.5, -2], 7
    indices = [np.flatnonzero(row).tolist() for row in dense]
    values = [row[row != 0].tolist() for row in dense]
    found = round_trip({"x/indices": indices, "x/values": values, "y": [1, 2, 3]}, schema, tmp_path)
    assert set(found) == {"x", "y"}
    assert found["x"].dense_shape.numpy().tolist() == [3, 10]
    np.testing.assert_array_equal(tf.sparse.to_dense(found["x"]), dense)
    records = list(tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord")).as_numpy_iterator())
    wanted = {"x": tf.io.SparseFeature("x/indices", "x/values", tf.float32, 10)}
    theirs = tf.io.parse_example(records, wanted)["x"]
    np.testing.assert_array_equal(found["x"].indices, theirs.indices)
    np.testing.assert_array_equal(found["x"].values, theirs.values)


@pytest.mark.parametrize(
    ("indices", "values", "problem"),
    [
        ([[0], [1, 2]], [[1.0], [1.0]], "got 2 indices and 1 values"),
        ([[0], [10]], [[1.0], [1.0]], "expected increasing indices from 0 to 9, got 10"),
        ([[9], [-1]], [[1.0], [1.0]], "got -1"),
        ([[3, 4], [2, 2]], [[1.0, 1.0], [1.0, 1.0]], "increasing indices from 0 to 9, got 2"),
    ],
)
def test_invalid_sparse_values(indices, values, problem):
    rows = pa.RecordBatch.from_pydict({"x/indices": indices, "x/values": values})
    columns, rejects = encode_batch(Batch(rows, "here", np.array([1, 2])), Schema(SPARSE, {"x": 10}))
    assert [(reject.row, reject.column) for reject in rejects] == [(2, "x")]
    assert problem in rejects[0].problem
    assert columns["x/indices"].to_lists() == indices[:1]


@pytest.mark.parametrize(
    ("features", "size", "error"),
    [
        (SPARSE, 0, {"name": "sparse[x]", "expected": "a positive integer"}),
        ({"x/indices": SPARSE["x/indices"]}, 3, {"name": "sparse feature x", "expected": "x/values"}),
        (
            {**SPARSE, "x/indices": Feature("float32", (None,))},
            3,
            {"name": "sparse feature x", "expected": "stored as the integer feature x/indices and the feature"},
        ),
        ({**SPARSE, "x/values": Feature("float32", (2,))}, 3, {"name": "sparse feature x", "expected": "of shape"}),
    ],
)
def test_invalid_sparse_features(features, size, error):
    with raises_argument_error(**error):
        Schema(features, {"x": size})


@pytest.mark.parametrize(
    ("indices", "values", "problem"),
    [
        ([0, 10], [1.0, 2.0], "have increasing indices below its size, 10"),
        ([-1, 3], [1.0, 2.0], "have increasing indices"),
        ([3, 2], [1.0, 2.0], "have increasing indices"),
        ([3, 3], [1.0, 2.0], "have increasing indices"),
        ([0, 3], [1.0], "have as many indices as values"),
    ],
)
def test_invalid_sparse_records(tmp_path, indices, values, problem):
    with (tmp_path / "x.tfrecord").open("wb") as file:
        write(file, {"x/indices": Column.of([indices]), "x/values": Column.of([values])})
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"x must {problem}"):
        next(iter(examples([tmp_path / "x.tfrecord"], Schema(SPARSE, {"x": 10}), 1)))
