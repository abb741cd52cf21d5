"""Tests of parsing examples into tensors against tf.io.parse_example."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, encode

pytestmark = pytest.mark.pairwise

FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "x": tf.io.FixedLenFeature([2, 3], tf.float32),
    "weight": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.5]),
    "name": tf.io.FixedLenFeature([2], tf.string, default_value=["none", "at all, and a long one besides"]),
    "tags": tf.io.VarLenFeature(tf.int64),
    "words": tf.io.RaggedFeature(tf.string),
    "scores": tf.io.RaggedFeature(tf.float32, row_splits_dtype=tf.int64),
    "absent": tf.io.VarLenFeature(tf.float32),
}


def table(rows, rng):
    """Returns columns for FEATURES, with strings below and above the 22 bytes that TensorFlow stores inline."""
    some = rng.integers(0, 2, rows)

    def lists(make, kind):
        return Column.lists(kind, [[make() for _ in range(rng.integers(0, 4))] for _ in range(rows)])

    return {
        "image": Column.lists("bytes", [[rng.bytes(rng.integers(0, 60))] for _ in range(rows)]),
        "label": Column.of(rng.integers(-(2**62), 2**62, rows)),
        "x": Column.of(rng.normal(size=(rows, 2, 3))),
        "weight": Column.lists("float", [[1.0] if there else None for there in some]),
        "name": Column.lists("bytes", [[b"a", bytes(23)] if there else None for there in some]),
        "tags": lists(lambda: int(rng.integers(0, 300)), "int64"),
        "words": lists(lambda: rng.bytes(rng.integers(18, 26)), "bytes"),
        "scores": lists(lambda: float(rng.normal()), "float"),
        "other": Column.of(np.zeros(rows)),
    }


def same(ours, theirs):
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert type(ours[name]) is type(value) or isinstance(value, tf.Tensor)
        if isinstance(value, tf.Tensor):
            assert ours[name].dtype == value.dtype
        if isinstance(value, tf.RaggedTensor):
            assert ours[name].row_splits.dtype == value.row_splits.dtype
        for mine, other in zip(tf.nest.flatten(ours[name], True), tf.nest.flatten(value, True), strict=True):
            np.testing.assert_array_equal(mine, other)


@pytest.fixture
def written(tmp_path, rng):
    """Writes two files and returns them with the positions of their records."""
    files, parts = [], []
    for number, rows in enumerate((17, 5)):
        records = encode(table(rows, rng))
        path = tmp_path / f"part-{number}"
        path.write_bytes(records.data)
        files.append(str(path))
        parts.append((np.full(rows, number), records.begins, records.sizes))
    return files, *map(np.concatenate, zip(*parts, strict=True))


@pytest.mark.parametrize("rows", [0, 1, 7, 100])
def test_matches_tensorflow(rows, rng):
    records = encode(table(rows, rng))
    serialized = tf.constant([records[row] for row in range(rows)], tf.string, [rows])
    theirs = tf.io.parse_example(serialized, FEATURES)
    same(ops.parse_examples(serialized, FEATURES), theirs)
    in_graph = tf.function(
        lambda x: ops.parse_examples(x, FEATURES), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    same(in_graph(serialized), theirs)
    with ops.use("reference"):
        same(ops.parse_examples(serialized, FEATURES), theirs)


def test_static_shapes():
    shapes = {}

    @tf.function(input_signature=[tf.TensorSpec([4], tf.string)])
    def parse(serialized):
        for name, value in ops.parse_examples(serialized, FEATURES).items():
            shapes[name] = tuple(value.shape)
        return 0

    parse.get_concrete_function()
    assert shapes["x"] == (4, 2, 3)
    assert shapes["image"] == (4,)
    assert shapes["words"] == (4, None)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_reading_from_files(written, choice, rng):
    files, file, begins, sizes = written
    for order in (np.arange(22), np.arange(22)[::-1], rng.integers(0, 22, 50), np.arange(0)):
        serialized = [Path(files[f]).read_bytes()[b : b + s] for f, b, s in zip(file, begins, sizes, strict=True)]
        theirs = tf.io.parse_example(tf.constant([serialized[i] for i in order], tf.string, [len(order)]), FEATURES)
        with ops.use(choice):
            same(ops.read_examples(files, file[order], begins[order], sizes[order], FEATURES), theirs)


def test_dataset_pipeline(written):
    files, *positions = written
    dataset = tf.data.Dataset.from_tensor_slices(tuple(positions)).batch(5)
    dataset = dataset.map(lambda *at: ops.read_examples(files, *at, FEATURES), num_parallel_calls=2)
    assert sum(len(batch["label"]) for batch in dataset) == 22


def test_damaged_record_error_messages(written):
    files, file, begins, sizes = written
    data = bytearray(Path(files[0]).read_bytes())
    data[begins[3] + 5] ^= 1
    Path(files[0]).write_bytes(data)
    ops.read_examples(files, file[4:], begins[4:], sizes[4:], FEATURES)
    position = f"part-0, record at byte {begins[3] - 12}"
    with pytest.raises(tf.errors.DataLossError, match=f"{position}: its data are damaged"):
        ops.read_examples(files, file, begins, sizes, FEATURES)
    with pytest.raises(tf.errors.DataLossError, match="there is no such record"):
        ops.read_examples(files, file[:1], begins[:1] + 1, sizes[:1], FEATURES)
    with pytest.raises(tf.errors.DataLossError, match="the file ends before it"):
        ops.read_examples(files, file[-1:], begins[-1:], sizes[-1:] + 1000, FEATURES)
    with pytest.raises(tf.errors.NotFoundError, match="nowhere: No such file"):
        ops.read_examples(["/nowhere"], file[:1], begins[:1], sizes[:1], FEATURES)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"part-0, record at byte 0: feature `label`: got int64"):
        ops.read_examples(files, file[:1], begins[:1], sizes[:1], {"label": tf.io.VarLenFeature(tf.float32)})


def test_file_changed_during_reading(tmp_path):
    """The file is truncated in place or replaced. In test_file.py it is truncated after it was opened."""
    path, feature = tmp_path / "x", {"x": tf.io.FixedLenFeature([5000], tf.float32)}

    def read(records):
        rows = np.zeros(len(records), "int64")
        return ops.read_examples([str(path)], rows, records.begins, records.sizes, feature)["x"][:, 0]

    records = encode({"x": Column.of(np.arange(50_000.0).reshape(10, 5000))})
    path.write_bytes(records.data)
    np.testing.assert_array_equal(read(records), np.arange(10) * 5000)
    with path.open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(tf.errors.DataLossError, match="the file ends before it"):
        read(records)
    other = encode({"x": Column.of(np.ones((3, 5000)))})
    (tmp_path / "new").write_bytes(other.data)
    (tmp_path / "new").replace(path)
    np.testing.assert_array_equal(read(other), np.ones(3))


def test_missing_or_excess_values(rng):
    records = encode({"x": Column.lists("float", [[1.0], None, [1.0, 2.0]])})
    serialized = [records[row] for row in range(3)]
    required, optional = tf.io.FixedLenFeature([1], tf.float32), tf.io.FixedLenFeature([1], tf.float32, [7.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="record 1 of the batch: feature `x`: it is missing"):
        ops.parse_examples(serialized, {"x": required})
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="record 2 of the batch: feature `x`: got 2 values, expected 1"
    ):
        ops.parse_examples(serialized, {"x": optional})
    np.testing.assert_array_equal(ops.parse_examples(serialized[:2], {"x": optional})["x"], [[1.0], [7.0]])


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"x": tf.io.FixedLenFeature([], tf.float64)},
        {"x": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)},
        {"x": tf.io.RaggedFeature(tf.int64, partitions=[tf.io.RaggedFeature.UniformRowLength(2)])},
        {"x": tf.io.RaggedFeature(tf.int64, value_key="y")},
    ],
)
def test_unsupported_features(features):
    with pytest.raises(ArgumentError, match="features"):
        ops.parse_examples([b""], features)


def test_hostile_attributes(fails_cleanly):
    op = ops.library().ops.tensorsmith_parse_examples
    good = {"serialized": [b""], "names": ["x"], "counts": np.int64([1]), "optional": [True]}
    good |= {"types": [tf.string], "features": 1}
    assert fails_cleanly(op, **good)
    for change in (
        {"names": ["x", "y"]},
        {"counts": np.int64([1, 2])},
        {"optional": [True, False]},
        {"features": 2},
        {"types": [tf.string, tf.string]},
        {"names": ["x", "y"], "counts": np.int64([1, 1]), "optional": [True, True], "types": [tf.string] * 3},
        {"counts": np.int64([2**62])},
        {"serialized": [[b""]]},
    ):
        assert not fails_cleanly(op, **(good | change))
    read = ops.library().ops.tensorsmith_read_examples
    del good["serialized"]
    good |= {"files": ["/dev/null"], "file": np.int64([0]), "begins": np.int64([12]), "sizes": np.int64([0])}
    for change in (
        {},
        {"file": np.int64([1])},
        {"file": np.int64([-1])},
        {"begins": np.int64([0])},
        {"sizes": np.int64([-1])},
        {"sizes": np.int64([2**40])},
        {"files": ["x" * 10_000]},
        {"sizes": np.int64([1, 1])},
    ):
        assert not fails_cleanly(read, **(good | change))
